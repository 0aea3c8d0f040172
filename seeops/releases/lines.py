"""The last line: triggers that refuse what must never be, whoever writes it and by whatever way."""

from __future__ import annotations

import pgtrigger

from seeops.inventory import locks
from seeops.releases import states

# What a release that has ended still may change: the marks of the worker that ended it.
_FROZEN_WITH_THE_END = (
    "number", "ticket_id", "soak_s", "plan", "plan_digest", "state", "state_reason", "ending", "retry_of_id",
    "created_by_id", "started_by_id", "started_at", "finished_at",
)  # fmt: skip


def _steps(follows: dict[str, frozenset[str]]) -> str:
    """All allowed steps as a list of SQL texts: 'ready>running', …"""
    return ", ".join(f"'{before}>{after}'" for before in sorted(follows) for after in sorted(follows[before]))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


EPOCH_GROWS = pgtrigger.Trigger(
    name="epoch_grows",
    operation=pgtrigger.UpdateOf("epoch"),
    when=pgtrigger.Before,
    func="""
    IF NEW.epoch < OLD.epoch THEN
        RAISE EXCEPTION 'release %: its epoch % is not followed by %', OLD.number, OLD.epoch, NEW.epoch;
    END IF;
    RETURN NEW;
    """,
)
STATE_FOLLOWS = pgtrigger.Trigger(
    name="state_follows",
    operation=pgtrigger.UpdateOf("state"),
    when=pgtrigger.Before,
    func=f"""
    IF NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN ({_steps(states.FOLLOWS)}) THEN
        RAISE EXCEPTION 'release %: % is not followed by %', OLD.number, OLD.state, NEW.state;
    END IF;
    RETURN NEW;
    """,
)
END_IS_FINAL = pgtrigger.Trigger(
    name="end_is_final",
    operation=pgtrigger.Update | pgtrigger.Delete,
    when=pgtrigger.Before,
    condition=pgtrigger.Condition(f"OLD.state IN ({_listed(states.FINAL)})"),
    func=f"""
    IF TG_OP = 'DELETE' OR ({", ".join(f"NEW.{name}" for name in _FROZEN_WITH_THE_END)})
        IS DISTINCT FROM ({", ".join(f"OLD.{name}" for name in _FROZEN_WITH_THE_END)}) THEN
        RAISE EXCEPTION 'release % has ended (%) and is not changed any more', OLD.number, OLD.state;
    END IF;
    RETURN NEW;
    """,
)
# Which parts are under way follows from the release alone, so that the constraint on them cannot be talked round.
MARK_PARTS = pgtrigger.Trigger(
    name="mark_parts",
    operation=pgtrigger.UpdateOf("state"),
    when=pgtrigger.After,
    func="""
    UPDATE releases_releasepart SET active = NEW.state IN ('running', 'holding', 'rolling_back')
        WHERE release_id = NEW.id;
    RETURN NULL;
""",
)
END_FREES_LOCKS = pgtrigger.Trigger(
    name="end_frees_locks",
    operation=pgtrigger.UpdateOf("state"),
    when=pgtrigger.After,
    condition=pgtrigger.Condition(f"NEW.state IN ({_listed(states.ENDED)})"),
    func=locks.FREED_BY,
)
BATCH_FOLLOWS = pgtrigger.Trigger(
    name="state_follows",
    operation=pgtrigger.UpdateOf("state"),
    when=pgtrigger.Before,
    func=f"""
    IF NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN ({_steps(states.BATCH_FOLLOWS)}) THEN
        RAISE EXCEPTION 'batch % of release %: % is not followed by %', OLD.number, OLD.release_id, OLD.state, NEW.state;
    END IF;
    RETURN NEW;
    """,
)
BATCH_BEGINS_WHILE_RUNNING = pgtrigger.Trigger(
    name="begins_while_running",
    operation=pgtrigger.UpdateOf("state"),
    when=pgtrigger.Before,
    condition=pgtrigger.Condition(f"OLD.state = '{states.PENDING}' AND NEW.state <> '{states.PENDING}'"),
    func=f"""
    PERFORM 1 FROM releases_release WHERE id = NEW.release_id AND state = '{states.RUNNING}';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'batch % of release % cannot begin: the release is not running', OLD.number, OLD.release_id;
    END IF;
    RETURN NEW;
    """,
)
RELEASE = (EPOCH_GROWS, STATE_FOLLOWS, END_IS_FINAL, MARK_PARTS, END_FREES_LOCKS)
BATCH = (BATCH_FOLLOWS, BATCH_BEGINS_WHILE_RUNNING)
