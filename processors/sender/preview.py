"""What a template makes of a notice, in every form: for people who write one. Nothing is sent."""

import msgspec

from processors.sender.email_renderer import EmailRenderer
from processors.sender.messages import message_of
from processors.sender.notice_body import render_body
from processors.sender.notice_facts import reading_of
from processors.sender.template_language import TemplateFault
from processors.sender.wording import in_form, values_of
from schemas.base import Micros
from schemas.channels.messages import plain
from schemas.deliveries import Delivery, Endpoint
from schemas.ids import derived_id
from schemas.message_templates import Forms, Sample, Wording

_LONGEST = 6_000


class Previews:
    """Makes previews as the sender makes messages. site: the address of this Pingfold; site_name, sender: of mails."""

    def __init__(self, site: str, site_name: str, sender: str) -> None:
        self._site, self._renderer = site, EmailRenderer(site_name, sender)

    def forms(self, sample: Sample, now: Micros) -> Forms:
        """The forms, or what is wrong with the template, and in which line."""
        options: dict[str, str | int | bool] = {"language": sample.language, "timezone": sample.timezone}
        endpoint = Endpoint(
            id=derived_id("preview"),
            project="",
            url="",
            notices=(),
            secret="",
            site=self._site,
            kind="email",
            addresses=("reader@example.org",),
            options=options,
        )
        body = render_body(sample.notice, now, sample.data, self._site)
        try:
            notice = msgspec.json.decode(body)
            values = values_of(sample.notice, notice, endpoint, reading_of(endpoint), sample.project)
            title, text = in_form(sample.title, sample.text, values)
        except TemplateFault as fault:
            return Forms(field=fault.field, line=fault.line, problem=fault.problem)
        event = derived_id("preview", sample.notice)
        delivery = Delivery(
            id=event,
            event=event,
            channel=endpoint.id,
            notice=sample.notice,
            body=body,
            first_due=now,
            wording=Wording(name="preview", title=title, text=text),
        )
        message = message_of(delivery, endpoint)
        subject, mail_text, mail_html = self._renderer.texts(delivery, endpoint)
        return Forms(message.says, plain(message, _LONGEST), subject, mail_text, mail_html)
