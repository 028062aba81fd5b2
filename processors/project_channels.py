"""What a channel is to its deliveries. Pure."""

from processors.fold import Effect, View
from schemas.base import Micros
from schemas.definitions import Channel, Project, definition_key
from schemas.deliveries import Endpoint, EndpointDefined
from schemas.topics import DELIVERIES


def define_channel(view: View, channel: Channel, project: Project, at: Micros) -> Effect:
    """Put the definition of a channel into the view of the `projects` fold; the event that tells its deliveries."""
    view.put(definition_key(channel), channel)
    return Effect(DELIVERIES, channel.id, EndpointDefined(at=at, endpoint=endpoint_of(channel, project)))


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
        unconfirmed=channel.unconfirmed,
    )
