"""Commands of the operator: runs, ledger, deliveries, extracts, dead letters, the live view."""

import time
from collections.abc import Mapping
from typing import Any

import click
from rich.live import Live
from rich.table import Table

from events.topics import DOMAIN_SERVICES, declared
from services import ledger as accounts
from services.commands.common import EXIT_REFUSED, as_json, call, refuse, settings, show
from services.runtime.settings import SERVICES

EXIT_UNBALANCED = 4
"""The ledger does not balance: something was lost or doubled."""
WATCH_SECONDS = 1.0
AGAIN_SECONDS = 60.0
"""How long what is published again may be on its way: a batch or two, of a service that is at work."""
OPERATOR = "operator"


@click.command()
@click.option("--week", help="ISO week such as 2026-W40; the next one unless given.")
@click.option("--due", is_flag=True, help="Run every week that is due, in order, and say what was run (for schedulers).")
@click.option("--without", multiple=True, metavar="DISTRICT", help="Run without a missing district, after the deadline.")
@as_json
def run(week: str | None, due: bool, without: tuple[str, ...], as_json: bool) -> None:
    """Run a weekly screening now. The same week again says so and adds nothing. Exit 1: refused."""
    body = {"week": week, "without": list(without), "due": due}
    answer = call("screening", OPERATOR, "POST", "/runs", body)
    answers = answer if isinstance(answer, list) else [answer]
    show(answers, ["week", "status", "candidates", "detail"], as_json)
    for each in answers:
        if each["status"] == "refused":
            raise refuse(f"week {each['week']} was not run: {each['detail']}", EXIT_REFUSED)


@click.command()
@as_json
def runs(as_json: bool) -> None:
    """The weekly runs so far, and what the next one waits for."""
    answer = call("screening", OPERATOR, "GET", "/runs")
    rows = answer["runs"] if isinstance(answer, dict) and "runs" in answer else answer
    show(rows, ["week", "status", "catalogue", "candidates", "missing_districts"], as_json)
    if not as_json and isinstance(answer, dict) and answer.get("waits_for"):
        click.echo("next run waits for: " + ", ".join(map(str, answer["waits_for"])))


@click.command()
@click.argument("week")
@as_json
def release(week: str, as_json: bool) -> None:
    """Release a run that the brake stopped, after a person has looked at it."""
    show([call("screening", OPERATOR, "POST", f"/runs/{week}/release")], ["week", "status", "candidates"], as_json)


@click.command()
@click.option("--week", help="Only this ISO week.")
@as_json
def ledger(week: str | None, as_json: bool) -> None:
    """The account of each week: everything that came in is told, suppressed with a reason, or waiting. Exit 4: unbalanced."""
    found = [each for each in accounts.weeks(accounts.read(settings())) if week in (None, each.week)]
    documents = [each.document() for each in found]
    if as_json:
        show(documents, [], True)
    for each in [] if as_json else found:
        print_week(each)
    if any(each.unbalanced for each in found):
        raise refuse("the ledger does not balance", EXIT_UNBALANCED)


def print_week(week: accounts.WeekLedger) -> None:
    """One week's account for people."""
    flags = f"{'balanced' if not week.unbalanced else 'NOT BALANCED'}, {'complete' if not week.open else 'open'}"
    click.echo(f"\n{week.week}  {flags}  catalogue {week.catalogue}  run {week.status}")
    if week.missing_districts:
        click.echo(f"  WITHOUT DISTRICTS {', '.join(week.missing_districts)}")
    if week.automatic:
        click.echo(f"  AUTOMATIC RELEASE: {week.automatic} approved without a person")
    for whole, parts in accounts.PARTITIONS.items():
        shown = " + ".join(f"{week.counts.get(part, 0)} {part.split('_', 1)[-1]}" for part in parts)
        click.echo(f"  {whole:<19}{week.counts.get(whole, 0):>7} = {shown}")
    for line in week.unbalanced:
        click.echo(f"  UNBALANCED {line}")
    for line in week.open:
        click.echo(f"  open: {line}")


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also what was never sent: pending, suppressed, returned.")
@as_json
def notifications(everything: bool, as_json: bool) -> None:
    """What the municipalities were notified of: id, week, child (pseudonym), municipality, kind, state."""
    rows = call("delivery", OPERATOR, "GET", "/deliveries")
    left = ("sent", "received", "acknowledged", "refused", "failed")
    kept = [row for row in rows if everything or row["state"] in left]
    show(kept, ["id", "week", "child", "municipality", "kind", "state", "reason"], as_json)


@click.group("acting-municipality")
def acting_municipality() -> None:
    """Which municipality acts for a child (*handlekommune*) that is registered in another one."""


@acting_municipality.command("list")
@as_json
def list_acting(as_json: bool) -> None:
    """All that are set."""
    show(call("delivery", OPERATOR, "GET", "/acting-municipality"), ["child", "municipality"], as_json)


@acting_municipality.command("set")
@click.argument("child", metavar="PSEUDONYM")
@click.argument("municipality", metavar="CODE")
def set_acting(child: str, municipality: str) -> None:
    """This municipality, such as 751, acts for the child from now on."""
    call("delivery", OPERATOR, "POST", "/acting-municipality", {"child": child, "municipality": municipality})
    click.echo(f"{municipality} acts for {child}")


@acting_municipality.command("lift")
@click.argument("child", metavar="PSEUDONYM")
def lift_acting(child: str) -> None:
    """The municipality in the register acts again."""
    call("delivery", OPERATOR, "POST", f"/acting-municipality/{child}/lift")
    click.echo(f"the register says who acts for {child}")


@click.command("stop-sending")
@click.option("--reason", required=True, type=click.Choice(["error_suspected", "instructed", "maintenance"]))
def stop_sending(reason: str) -> None:
    """Hold all sending at once. Nothing is lost; `resume-sending` goes on."""
    call("delivery", OPERATOR, "POST", "/stop-sending", {"reason": reason})
    click.echo("sending is stopped")


@click.command("resume-sending")
def resume_sending() -> None:
    """Send again what waited."""
    call("delivery", OPERATOR, "POST", "/resume-sending", {})
    click.echo("sending goes on")


@click.command()
@as_json
def extracts(as_json: bool) -> None:
    """The districts' extracts: read, waiting or refused, with the reason."""
    rows = call("intake", OPERATOR, "GET", "/extracts")
    show(rows, ["file", "extract_id", "district", "state", "reason", "rows", "quarantined"], as_json)


@click.command()
@click.option("--extract", "extract_id", help="Only rows of this extract, such as 1461-00003.")
@as_json
def quarantine(extract_id: str | None, as_json: bool) -> None:
    """Rows that could not be taken in: file, line, field, reason and what to do."""
    rows = call("intake", OPERATOR, "GET", "/quarantine", extract_id=extract_id)
    show(rows, ["file", "line", "field", "reason", "advice"], as_json)


@click.group("dead-letters")
def dead_letters() -> None:
    """Messages and work that could not be handled."""


@dead_letters.command("list")
@as_json
def list_dead_letters(as_json: bool) -> None:
    """All that wait, of every service."""
    stateful = [service for service in SERVICES if service != "monitoring"]
    rows = [{"service": name, **row} for name in stateful for row in call(name, OPERATOR, "GET", "/dead-letters")]
    show(rows, ["service", "id", "origin", "topic", "key", "reason", "attempts", "created_at"], as_json)


@dead_letters.command("show")
@click.argument("service")
@click.argument("number", type=int)
def show_dead_letter(service: str, number: int) -> None:
    """One dead letter, with everything known of it."""
    for name, value in waiting_letter(service, number).items():
        click.echo(f"{name}: {value}")


def waiting_letter(service: str, number: int) -> dict[str, Any]:
    """One dead letter that waits. Refuses where there is none."""
    found = [row for row in call(service, OPERATOR, "GET", "/dead-letters") if row["id"] == number]
    if not found:
        raise refuse(f"{service} has no waiting dead letter {number}", EXIT_REFUSED)
    return dict(found[0])


@dead_letters.command()
@click.argument("service")
@click.argument("number", type=int)
def redrive(service: str, number: int) -> None:
    """Handle one again, after its cause was mended. A newer version that arrived meanwhile makes it harmless.

    One whose bytes could not be read is published again by whoever wrote it, with all that came after it.
    """
    letter = waiting_letter(service, number)
    through = None if letter.get("lacks") is None else come_again(service, letter)
    call(service, OPERATOR, "POST", f"/dead-letters/{number}/redrive", through=through)
    click.echo(f"{service} handled dead letter {number}")


def come_again(service: str, letter: Mapping[str, Any]) -> int:
    """Have a writer publish again what a reader lacks, and wait until it has come: up to this position."""
    writer = next(topic.writer for topic in declared() if topic.name == letter["topic"])
    if writer not in DOMAIN_SERVICES:
        click.echo(f"{writer} has written it: ask there for what was sent before {letter['created_at']}")
        return 0
    place = {"topic": letter["topic"], "partition": letter["partition"], "first": letter["lacks"]}
    through: int = call(writer, OPERATOR, "POST", "/outbox/again", place)["through"]
    end = time.monotonic() + AGAIN_SECONDS
    while waiting_letter(service, letter["id"])["lacks"] <= through:
        if time.monotonic() > end:
            raise refuse(f"{writer} publishes {letter['topic']} again, and it is still on the way: redrive later", EXIT_REFUSED)
        time.sleep(WATCH_SECONDS)  # what is read from a topic comes when it comes, and no door calls back
    return through


@click.command()
@click.option("--once", is_flag=True, help="Print the counts once and end.")
@as_json
def watch(once: bool, as_json: bool) -> None:
    """Live counts per week and stage, from the topics. A display only: the ledger is the truth."""
    if once or as_json:
        counts = call("monitoring", OPERATOR, "GET", "/counts")
        show([counts], [], True) if as_json else show(_week_rows(counts), ["week", "stage", "count"], False)
        return
    with Live(refresh_per_second=2) as live:
        while True:
            live.update(_watch_table(call("monitoring", OPERATOR, "GET", "/counts")))
            time.sleep(WATCH_SECONDS)  # a person's display, refreshed by the second


def _week_rows(counts: dict[str, Any]) -> list[dict[str, Any]]:
    weeks = counts.get("weeks", {})
    return [
        {"week": week, "stage": stage, "count": count}
        for week, stages in sorted(weeks.items())
        for stage, count in stages.items()
    ]


def _watch_table(counts: dict[str, Any]) -> Table:
    table = Table("week", "stage", "count", title="live, from the topics")
    for row in _week_rows(counts):
        table.add_row(row["week"], row["stage"], str(row["count"]))
    return table


COMMANDS: list[click.Command] = [
    run,
    runs,
    release,
    ledger,
    notifications,
    acting_municipality,
    stop_sending,
    resume_sending,
    extracts,
    quarantine,
    dead_letters,
    watch,
]
