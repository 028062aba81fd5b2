"""What a channel is to its deliveries. Pure."""

from schemas.definitions import Channel, Project
from schemas.deliveries import Endpoint


def endpoint_of(channel: Channel, project: Project) -> Endpoint:
    """The endpoint that the definition of a channel stands for; a webhook without a secret has its project's."""
    secret = project.webhook_secret if channel.secret is None else channel.secret
    return Endpoint(
        id=channel.id,
        project=project.id,
        url=channel.url,
        notices=channel.notices,
        secret=secret if channel.kind == "webhook" else "",
        site=channel.site,
        kind=channel.kind,
        addresses=channel.addresses,
    )
