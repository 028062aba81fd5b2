"""The web application as a whole: every page for people that there is, put into an application."""

from fastapi import FastAPI

from query_api.dependencies import Dependencies
from query_api.web import assets, live, page, reader
from query_api.web.channels import channel_forms, channels, message_templates, mutes, template_forms
from query_api.web.checks import check_edit, check_page, check_ping
from query_api.web.forms import form_paths, taken_forms
from query_api.web.incidents import downtimes, explained, incident_edit, incidents
from query_api.web.maintenance import maintenance, maintenance_forms
from query_api.web.monitors import monitor_edit, monitor_page
from query_api.web.on_call import calendar_forms, escalations, rotations
from query_api.web.overview import bulk_edit, dashboard
from query_api.web.past import past, what_if
from query_api.web.people import account, everybody, invitations, one_time_codes, openid, people, sign_in
from query_api.web.projects import audit, keys, projects, report_settings
from query_api.web.status_pages import page_editor, page_posts


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
    taken_forms.install(app)
    reader.install(app)
    live.install(app)
    dashboard.install(app, deps)
    bulk_edit.install(app)
    check_edit.install(app)
    check_page.install(app)
    check_ping.install(app)
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
    calendar_forms.install(app)
    mutes.install(app)
    template_forms.install(app)
    message_templates.install(app)
    report_settings.install(app)
    projects.install(app)
    page_editor.install(app)
    page_posts.install(app)
    form_paths.install(app)
