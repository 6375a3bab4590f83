"""Every alert leads somewhere: to the case's page, its message on Slack, the post."""

from io import StringIO

from alerts.channels.console import ConsoleChannel
from alerts.channels.email import EmailChannel, MailServer
from alerts.channels.slack import SlackChannel
from alerts.notice import Entry, Notice
from models import Level
from tests.slack_server import control_sequences


def test_each_case_of_a_word_leads_to_its_message_its_page_and_the_post(slack, channel_to) -> None:
    slack.people["UANNA"] = ""
    channel = SlackChannel(
        channel_to().client, "UANNA", standing=lambda cases: {7: ("C1", "1700.5")} if cases else {}
    )
    channel.pages = "https://q.test/sub/"
    entries = [Entry(case_id=n, level=Level.URGENT, url=f"https://forum.test/{n}") for n in (7, 8)]
    channel.send_notice(Notice(key="k", kind="storm", title="Two", entries=tuple(entries)))
    assert control_sequences(slack.posted[0]) == [
        "<https://fake.slack.test/archives/C1/p17005|Message of the case>",
        "<https://q.test/sub/case/7|Page of the case>",
        "<https://forum.test/7|Open the post>",
        "<https://q.test/sub/case/8|Page of the case>",
        "<https://forum.test/8|Open the post>",
    ]


def test_alerts_by_mail_on_the_terminal_and_on_slack_lead_to_the_page_of_the_case(
    slack, channel_to, mailbox, port, a_message
) -> None:
    stream = StringIO()
    server = MailServer.read(f"smtp://127.0.0.1:{port}")
    mail = EmailChannel(server, "a@nordvia.test", sender="quietword@nordvia.test")
    notice = Notice(
        key="k", kind="woken", title="T", entries=(Entry(case_id=1, level=Level.URGENT),)
    )
    for channel in (channel_to(), mail, ConsoleChannel(stream, width=200)):
        channel.send(a_message())
        channel.pages = "https://q.test"
        channel.send(a_message())
        channel.send_notice(notice)
    page = "https://q.test/case/1"
    assert [page in str(post["blocks"]) for post in slack.posted] == [False, True, True]
    assert [page in one.get_content() for one in mailbox.mails] == [False, True, True]
    assert stream.getvalue().count(page) == 2
