"""No address that a stranger can write leads a crawl into our own network."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spiders.guard import acts, is_loopback, is_public, judge, may_connect, same_site, split
from spiders.outcome import Outcome, PageFailed
from tests.webserver import Answer, WebServer

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",  # noqa: S104
        "255.255.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "198.18.0.1",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "2001:db8::1",
        "not an address",
        "",
    ],
)
def test_an_address_that_is_not_public_is_not_connected_to(address: str) -> None:
    assert not is_public(address)
    assert not may_connect(address, allow_private=False)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8"]
)
def test_a_public_address_is_connected_to(address: str) -> None:
    assert is_public(address)
    assert may_connect(address, allow_private=False)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"])
def test_a_cloud_machines_credentials_are_out_of_reach_whatever_is_allowed(address: str) -> None:
    assert not may_connect(address, allow_private=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fd12::1"])
def test_a_private_network_is_reached_when_allowed(address: str) -> None:
    assert may_connect(address, allow_private=True)


def test_only_this_machine_counts_as_local() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("10.1.2.3")
    assert not is_loopback("8.8.8.8")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://forum.test/",
        "gopher://forum.test/",
        "data:text/html,hello",
        "javascript:alert(1)",
        "//forum.test/",
        "forum.test",
        "http://",
        "http://ann:secret@forum.test/",
        "http://forum.test:22/",
        "http://forum.test:99999/",
        "http://forum.test:6379/",
        "http://forum.test/\r\nHost: other",
        "http://forum.test\\@other.test/",
        "http://[::1/",
        "http://forum.test/" + "a" * 3000,
    ],
)
def test_an_address_of_a_strange_form_is_refused(url: str) -> None:
    with pytest.raises(PageFailed) as caught:
        split(url, allow_private=False)
    assert caught.value.outcome is Outcome.REFUSED


def test_one_private_record_among_public_ones_condemns_the_name() -> None:
    with pytest.raises(PageFailed, match=r"forum\.test is at 10\.0\.0\.1"):
        judge("forum.test", ["8.8.8.8", "10.0.0.1"], allow_private=False)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://forum.test/a", "https://forum.test/b", True),
        ("http://forum.test/", "https://www.forum.test/", True),
        ("http://FORUM.test/", "http://forum.test.:80/", True),
        ("https://forum.test/", "https://forum.test.other.test/", False),
        ("https://forum.test/", "https://img.forum.test/", False),
        ("https://forum.test/", "https://forum.test:8443/", False),
        ("http://127.0.0.1:8001/", "http://127.0.0.1:8002/", False),
    ],
)
def test_a_site_is_its_host_and_port(one: str, other: str, same: bool) -> None:
    assert same_site(one, other) is same


@pytest.mark.parametrize(
    "path",
    [
        "/ucp.php?mode=login",
        "/posting.php?mode=reply&t=1",
        "/search.php?search_id=active_topics",
        "/forum/memberlist.php",
        "/member.php?action=logout",
        "/index.php?action=markasread;sa=all",
        "/index.php?topic=1.0;action=printpage",
        "/viewtopic.php?t=1&view=print",
        "/viewforum.php?f=1&mark=topics",
        "/posts/12/report",
        "/posts/12/delete/",
        "/logout",
        "/logout/?t=123",
        "/search/?q=x",
        "/whats-new/mark-read",
        "/printthread.php?tid=1",
        "/newreply.php?tid=1",
    ],
)
def test_addresses_that_act_search_or_print_are_known(path: str) -> None:
    assert acts(f"https://forum.test{path}")


@pytest.mark.parametrize(
    "path",
    [
        "/viewtopic.php?f=2&t=10&start=20",
        "/viewtopic.php?p=55#p55",
        "/showthread.php?tid=5&action=lastpost",
        "/index.php?topic=12.15",
        "/threads/how-to-delete-my-account.123/page-2",
        "/t/bug-report/55.json",
        "/topic/55/report",
        "/t/search/9",
        "/forums/search-engines.5/",
        "/api/discussions?sort=-lastPostedAt",
        "/viewforum.php?f=2&sk=t&sd=d",
    ],
)
def test_boards_and_threads_are_not_taken_for_acts(path: str) -> None:
    assert not acts(f"https://forum.test{path}")


REACH = """
import json, sys
from twisted.internet import asyncioreactor
asyncioreactor.install()
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.web.client import Agent
from spiders.guard import GuardedResolver

guard = GuardedResolver(reactor, allow_private=sys.argv[1] == "allow")
guard.install_on_reactor()

async def look():
    said = {}
    for host in sys.argv[3:]:
        try:
            answer = await Agent(reactor, connectTimeout=5).request(
                b"GET", f"http://{host}:{sys.argv[2]}/".encode()
            )
            said[host] = answer.code
        except Exception as error:
            said[host] = type(error).__name__
    print(json.dumps([said, sorted(guard.refused)]))
    reactor.stop()

reactor.callWhenRunning(lambda: ensureDeferred(look()))
reactor.run()
"""

NAMES_OF_THIS_MACHINE = [
    "localhost",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "[::ffff:127.0.0.1]",
]


def reach(server: WebServer, *, allow: bool) -> tuple[dict[str, int | str], list[str]]:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            REACH,
            "allow" if allow else "deny",
            str(server.port),
            *NAMES_OF_THIS_MACHINE,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    said, refused = json.loads(done.stdout)
    return said, refused


def test_no_connection_is_made_to_a_private_machine_under_any_of_its_names() -> None:
    with WebServer() as server:
        server.pages["/"] = Answer(body="secret")
        said, refused = reach(server, allow=False)
        assert set(said.values()) == {"DNSLookupError"}
        assert len(refused) == len(NAMES_OF_THIS_MACHINE)
        assert server.asked == []


def test_the_same_names_connect_when_private_machines_are_allowed() -> None:
    with WebServer() as server:
        server.pages["/"] = Answer(body="hello")
        said, refused = reach(server, allow=True)
        assert said["localhost"] == said["127.0.0.1"] == said["2130706433"] == 200
        assert refused == []
