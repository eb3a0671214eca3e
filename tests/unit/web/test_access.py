"""Who gets in, and what is told to those who do not."""

import pyotp
import pytest

from hashwright.errors import OperatorError
from hashwright.web import passwords
from hashwright.web.database import NAME, AccessDatabase
from unit.web.world import ADDRESS, PASSWORD, run, world

DAY_MS = 86_400_000


@pytest.fixture
def here(tmp_path):
    with world(tmp_path) as item:
        yield item


def code_of(answer):
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found = answer.json()
    assert found["status"] == answer.status_code
    return found["code"]


def test_the_first_link_makes_the_owner_once(here):
    async def work():
        word = here.site.accounts.new_setup(now=here.clock.now())
        assert (await here.client().get("/api/v1/session")).json()["needs_setup"] is True
        body = {"token": word, "name": "kai", "password": PASSWORD}
        first = await here.client().post("/api/v1/setup", json=body)
        assert first.json()["role"] == "owner"
        again = await here.client().post("/api/v1/setup", json=body | {"name": "mallory"})
        assert (again.status_code, code_of(again)) == (410, "HW-744")
        assert (await here.client().get("/api/v1/session")).json()["needs_setup"] is False

    run(work())


def test_the_first_link_ends_after_an_hour(here):
    async def work():
        word = here.site.accounts.new_setup(now=here.clock.now())
        here.clock.advance(3_600_001)
        answer = await here.client().post("/api/v1/setup", json={"token": word, "name": "kai", "password": PASSWORD})
        assert (answer.status_code, code_of(answer)) == (410, "HW-744")
        assert here.site.accounts.listed() == []

    run(work())


def test_a_new_link_ends_the_one_before(here):
    old = here.site.accounts.new_setup(now=here.clock.now())
    here.site.accounts.new_setup(now=here.clock.now())
    with pytest.raises(OperatorError) as refused:
        here.site.accounts.set_up(old, "kai", PASSWORD, now=here.clock.now())
    assert refused.value.code == "HW-744"


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "hashwright", "x" * 300, "kaikaikaikai"])
def test_a_weak_password_is_refused_and_the_link_stays_good(here, password):
    word = here.site.accounts.new_setup(now=here.clock.now())
    with pytest.raises(OperatorError) as refused:
        here.site.accounts.set_up(word, "kaikaikaikai", password, now=here.clock.now())
    assert refused.value.code == "HW-755"
    here.site.accounts.set_up(word, "kaikaikaikai", PASSWORD, now=here.clock.now())


@pytest.mark.parametrize("name", ["", "a b", "<script>", "kai\n", "x" * 65, "'; DROP TABLE account; --"])
def test_a_name_that_could_be_mistaken_is_refused(here, name):
    word = here.site.accounts.new_setup(now=here.clock.now())
    with pytest.raises(OperatorError) as refused:
        here.site.accounts.set_up(word, name, PASSWORD, now=here.clock.now())
    assert refused.value.code == "HW-756"


def test_nobody_reads_without_signing_in(here):
    async def work():
        paths = ("/status", "/history", "/workers", "/workers/x", "/blocks", "/alerts", "/events")
        for path in paths:
            answer = await here.client().get(f"/api/v1{path}")
            assert (answer.status_code, code_of(answer)) == (401, "HW-740"), path

    run(work())


def test_a_wrong_password_and_an_unknown_name_sound_the_same(here):
    async def work():
        await here.owner()
        wrong = await here.client().post("/api/v1/session", json={"name": "kai", "password": "wrong password"})
        unknown = await here.client().post("/api/v1/session", json={"name": "nobody", "password": PASSWORD})
        assert wrong.json() == unknown.json()
        assert (wrong.status_code, code_of(wrong)) == (401, "HW-742")

    run(work())


def test_signing_in_is_slowed_for_one_address(here):
    async def work():
        answers = [await here.client().post("/api/v1/session", json={"name": "x", "password": "x"}) for _ in range(8)]
        assert [it.status_code for it in answers].count(429) >= 1
        last = answers[-1]
        assert code_of(last) == "HW-743"
        assert int(last.headers["retry-after"]) >= 1
        here.clock.advance(60_000)
        assert (await here.client().post("/api/v1/session", json={"name": "x", "password": "x"})).status_code == 401

    run(work())


def test_a_session_ends_when_it_rests_too_long(here):
    async def work():
        browser = await here.owner()
        assert (await browser.get("/api/v1/session")).json()["name"] == "kai"
        here.clock.advance(12 * 3_600_000 + 1)
        assert (await browser.get("/api/v1/session")).json()["is_signed_in"] is False

    run(work())


def test_a_session_ends_thirty_days_after_it_began(here):
    async def work():
        browser = await here.owner()
        for _ in range(3 * 31):
            here.clock.advance(DAY_MS // 3)
            await browser.get("/api/v1/session")
        assert (await browser.get("/api/v1/session")).json()["is_signed_in"] is False

    run(work())


def test_the_cookie_is_kept_from_scripts_and_strangers(here):
    async def work():
        word = here.site.accounts.new_setup(now=here.clock.now())
        body = {"token": word, "name": "kai", "password": PASSWORD}
        cookie = (await here.client().post("/api/v1/setup", json=body)).headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie

    run(work())


def test_only_hashes_of_secrets_are_stored(here, tmp_path):
    async def work():
        browser = await here.owner()
        cookie = browser.cookies["hw_session"]
        key = here.site.keys.add_key("k", ("view",), days=None, by="kai", now=here.clock.now())
        link = here.site.keys.add_link("l", shows_money=False, days=1, by="kai", now=here.clock.now())
        raw = b"".join(path.read_bytes() for path in tmp_path.glob(f"{NAME}*"))
        for secret in (cookie, key, link, PASSWORD):
            assert secret.encode() not in raw
        assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600

    run(work())


def test_signing_out_ends_the_session(here):
    async def work():
        browser = await here.owner()
        cookie = browser.cookies["hw_session"]
        assert (await browser.delete("/api/v1/session")).json()["is_signed_in"] is False
        stolen = here.client(cookie=f"hw_session={cookie}")
        assert (await stolen.get("/api/v1/session")).json()["is_signed_in"] is False

    run(work())


# ---------------------------------------------------------------- requests of strangers


def test_a_change_by_cookie_needs_the_word_of_its_session(here):
    async def work():
        browser = await here.owner()
        del browser.headers["x-hw-csrf"]
        answer = await browser.delete("/api/v1/session")
        assert (answer.status_code, code_of(answer)) == (403, "HW-746")
        other = await browser.delete("/api/v1/session", headers={"x-hw-csrf": "hwf_x"})
        assert code_of(other) == "HW-746"

    run(work())


def test_a_change_from_another_page_is_refused(here):
    async def work():
        browser = await here.owner()
        answer = await browser.delete("/api/v1/session", headers={"origin": "http://evil.example"})
        assert (answer.status_code, code_of(answer)) == (403, "HW-746")
        assert (await browser.delete("/api/v1/session", headers={"origin": ADDRESS})).status_code == 200

    run(work())


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "", "127.0.0.1.evil.example"])
def test_a_name_that_is_not_ours_is_refused(here, host):
    async def work():
        answer = await here.client().get("/", headers={"host": host})
        assert (answer.status_code, code_of(answer)) == (421, "HW-747")

    run(work())


def test_a_large_body_is_refused_whether_its_length_is_told_or_not(here):
    async def work():
        told = await here.client().post("/api/v1/session", content=b"x" * 10_000_000)
        assert (told.status_code, code_of(told)) == (413, "HW-750")

        async def pieces():
            for _ in range(200):
                yield b'"' + b"x" * 50_000

        untold = await here.client(**{"content-type": "application/json"}).post("/api/v1/session", content=pieces())
        assert (untold.status_code, code_of(untold)) == (413, "HW-750")

    run(work())


def test_every_answer_forbids_what_a_page_never_needs(here):
    async def work():
        for path in ("/", "/healthz", "/api/v1/session", "/nothing", "/api/openapi.json"):
            headers = (await here.client().get(path)).headers
            assert headers["content-security-policy"].startswith("default-src 'self';"), path
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
        assert (await here.client().get("/api/v1/session")).headers["cache-control"] == "no-store"

    run(work())


# ---------------------------------------------------------------- one-time codes, keys, links


def test_one_time_codes_are_asked_for_and_spent(here):
    async def work():
        browser = await here.owner()
        offer = (await browser.get("/api/v1/session/totp")).json()
        code = pyotp.TOTP(offer["secret"]).at(here.clock.now() // 1000)
        wish = {"password": PASSWORD, "secret": offer["secret"], "code": "000000"}
        assert code_of(await browser.put("/api/v1/session/totp", json=wish)) == "HW-742"
        answer = await browser.put("/api/v1/session/totp", json=wish | {"code": code})
        assert answer.json()["has_totp"] is True
        sign_in = {"name": "kai", "password": PASSWORD}
        assert (await here.client().post("/api/v1/session", json=sign_in)).status_code == 401
        assert (await here.client().post("/api/v1/session", json=sign_in | {"code": code})).status_code == 200
        replayed = await here.client().post("/api/v1/session", json=sign_in | {"code": code})
        assert replayed.status_code == 401

    run(work())


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666", "-12345"])
def test_a_code_of_another_form_is_none(code):
    assert passwords.totp_step(pyotp.random_base32(), code, now_ms=0, after=-10) is None


def test_codes_of_a_clock_half_a_minute_off_count(here):
    secret = passwords.new_totp()
    now = here.clock.now()
    for shift, counts in ((-30, True), (30, True), (-90, False), (90, False)):
        code = pyotp.TOTP(secret).at(now // 1000 + shift)
        assert (passwords.totp_step(secret, code, now_ms=now, after=0) is not None) == counts, shift


def test_a_key_may_what_its_scopes_say_until_it_is_revoked_or_over(here):
    async def work():
        word = here.site.keys.add_key("grafana", ("view",), days=1, by="kai", now=here.clock.now())
        program = here.client(authorization=f"Bearer {word}")
        assert (await program.get("/api/v1/blocks")).status_code == 200
        assert (await here.client(authorization=f"Bearer {word}x").get("/api/v1/blocks")).status_code == 401
        here.site.keys.revoke_key(1, now=here.clock.now())
        assert (await program.get("/api/v1/blocks")).status_code == 401
        other = here.site.keys.add_key("day", ("view",), days=1, by="kai", now=here.clock.now())
        here.clock.advance(DAY_MS)
        assert (await here.client(authorization=f"Bearer {other}").get("/api/v1/blocks")).status_code == 401

    run(work())


def test_a_link_looks_until_it_is_over_and_no_longer(here):
    async def work():
        word = here.site.keys.add_link("for mia", shows_money=False, days=1, by="kai", now=here.clock.now())
        visitor = here.client()
        session = (await visitor.post("/api/v1/session/link", json={"token": word})).json()
        assert session["permissions"] == ["view"]
        assert (await visitor.get("/api/v1/blocks")).status_code == 200
        here.clock.advance(11 * 3_600_000)
        assert (await visitor.get("/api/v1/blocks")).status_code == 200
        here.clock.advance(13 * 3_600_000)
        assert (await visitor.get("/api/v1/blocks")).status_code == 401
        late = await here.client().post("/api/v1/session/link", json={"token": word})
        assert (late.status_code, code_of(late)) == (410, "HW-744")

    run(work())


def test_a_disabled_account_is_out_at_once(here):
    async def work():
        await here.owner("kai")
        here.site.accounts.add("tom", "operator", PASSWORD, now=here.clock.now())
        word = here.site.accounts.sign_in("tom", PASSWORD, "", now=here.clock.now())
        tom = here.client(cookie=f"hw_session={word}")
        assert (await tom.get("/api/v1/blocks")).status_code == 200
        here.site.accounts.disable("tom", now=here.clock.now())
        assert (await tom.get("/api/v1/blocks")).status_code == 401
        with pytest.raises(OperatorError) as refused:
            here.site.accounts.disable("kai", now=here.clock.now())
        assert refused.value.code == "HW-757"

    run(work())


def test_the_trail_never_changes(here):
    here.site.audit.note("kai", "127.0.0.1", "sign in", "x\ny" * 200, "done", now=1)
    for statement in ("UPDATE audit SET who = 'x'", "DELETE FROM audit"):
        with pytest.raises(Exception, match="audit"):
            here.database.change(statement)
    assert len(here.site.audit.rows(before=2**62, limit=10)) == 1


def test_a_database_of_a_newer_program_is_left_alone(here, tmp_path):
    here.database.read("PRAGMA user_version = 99")
    with pytest.raises(OperatorError) as refused:
        AccessDatabase.open(tmp_path)
    assert refused.value.code == "HW-768"


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    (tmp_path / NAME).write_bytes(b"not a database, but somebody's letter" * 100)
    with pytest.raises(OperatorError) as refused:
        AccessDatabase.open(tmp_path)
    assert refused.value.code == "HW-768"
    assert (tmp_path / NAME).read_bytes().startswith(b"not a database")


def test_passwords_are_hashed_as_rfc_9106_advises(real_hasher):
    assert real_hasher.type.name == "ID"
    assert (real_hasher.memory_cost, real_hasher.time_cost, real_hasher.parallelism) == (65_536, 3, 4)
