"""The web application as a whole: every page for people that there is, put into an application."""

from fastapi import FastAPI

from query_api.dependencies import Dependencies
from query_api.web import (
    account,
    assets,
    audit,
    bulk_edit,
    channel_forms,
    channels,
    check_edit,
    check_page,
    dashboard,
    downtimes,
    escalations,
    everybody,
    explained,
    incident_edit,
    incidents,
    invitations,
    keys,
    live,
    maintenance,
    maintenance_forms,
    message_templates,
    monitor_edit,
    monitor_page,
    mutes,
    one_time_codes,
    openid,
    page,
    page_editor,
    page_posts,
    past,
    people,
    projects,
    reader,
    report_settings,
    rotations,
    sign_in,
    what_if,
)


def install(app: FastAPI, deps: Dependencies) -> None:
    """Put all pages into the application. Of two that share a path, the first takes it."""
    assets.install(app)
    sign_in.install(app, deps)
    openid.install(app, deps)
    invitations.install(app)
    people.install(app)
    everybody.install(app)
    account.install(app)
    one_time_codes.install(app)
    page.install(app, deps)
    reader.install(app)
    live.install(app)
    dashboard.install(app, deps)
    bulk_edit.install(app)
    check_edit.install(app)
    check_page.install(app)
    monitor_edit.install(app)
    monitor_page.install(app)
    explained.install(app)
    incidents.install(app)
    incident_edit.install(app)
    past.install(app)
    what_if.install(app)
    downtimes.install(app)
    channel_forms.install(app)
    channels.install(app)
    keys.install(app)
    audit.install(app)
    maintenance_forms.install(app)
    maintenance.install(app)
    escalations.install(app)
    rotations.install(app)
    mutes.install(app)
    message_templates.install(app)
    report_settings.install(app)
    projects.install(app)
    page_editor.install(app)
    page_posts.install(app)
