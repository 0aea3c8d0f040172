"""Cases, actions and positions on disk: one SQLite file, one writer, every change in one transaction.

A case is a matter: one pattern, one symbol, the same accounts. Findings join the case that they continue, so taking the same findings again (after a
kill) changes nothing. An action is one request to give an account a status; its key makes it one, its request numbers per shard make it
executed at most once.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from trading_sim.surveillance.findings import Finding
from trading_sim.surveillance.thresholds import COORDINATED, PATTERNS, STEPS, UNWATCHED

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS positions (shard INTEGER PRIMARY KEY, entry INTEGER NOT NULL, now_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS cases (
  id INTEGER PRIMARY KEY AUTOINCREMENT, pattern TEXT NOT NULL, shard INTEGER NOT NULL, symbol INTEGER NOT NULL,
  accounts TEXT NOT NULL, step INTEGER NOT NULL, score REAL NOT NULL, sentence TEXT NOT NULL, figures TEXT NOT NULL,
  evidence TEXT NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, opened_at REAL NOT NULL,
  state TEXT NOT NULL, closed_at REAL, closed_by TEXT, note TEXT);
CREATE INDEX IF NOT EXISTS cases_matter ON cases (shard, symbol, pattern, last_ns);
CREATE INDEX IF NOT EXISTS cases_state ON cases (state, step);
CREATE TABLE IF NOT EXISTS steps (
  case_id INTEGER NOT NULL, step INTEGER NOT NULL, at_ns INTEGER NOT NULL, score REAL NOT NULL, sentence TEXT NOT NULL,
  PRIMARY KEY (case_id, step));
CREATE TABLE IF NOT EXISTS members (case_id INTEGER NOT NULL, account INTEGER NOT NULL, PRIMARY KEY (account, case_id));
CREATE TABLE IF NOT EXISTS actions (
  id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, account INTEGER NOT NULL, status INTEGER NOT NULL,
  reason TEXT NOT NULL, actor TEXT NOT NULL, case_id INTEGER, asked_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
  action_id INTEGER NOT NULL, shard INTEGER NOT NULL, request INTEGER NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL,
  at REAL NOT NULL, PRIMARY KEY (action_id, shard));
"""
OPEN, CLOSED, LAPSED = "open", "closed", "lapsed"
REQUESTED, EXECUTED, REFUSED, UNKNOWN = "requested", "executed", "refused", "unknown"
#: A finding joins a case whose last evidence is at most so old.
JOIN_NS = 600 * 10**9
#: A case that was only watched and stayed quiet lapses by itself.
LAPSE_NS = 600 * 10**9
MOST_CASES = 20_000
#: Who acts when nobody has asked for it.
ACTOR = "surveillance"


class CaseBook:
    """`clock` gives Unix time in seconds. Not for several threads. Raises sqlite3.Error when the disk fails."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(SCHEMA)
        with self._db:
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('client', ?)", (secrets.randbits(46) << 16,))
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('request', 0)")
        self.acts = bool(self._number("acts", 1))
        self.client_id = int(self._db.execute("SELECT value FROM meta WHERE name = 'client'").fetchone()[0])

    def _number(self, name: str, otherwise: int) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row["value"]) if row else otherwise

    def set_acts(self, acts: bool) -> None:
        """Whether the step act leads to an action by itself, or is advice only; kept over restarts."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('acts', ?)", (int(acts),))
        self.acts = acts

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- what was watched ----------------------------------------------------------------------------------------------

    def position(self, shard: int) -> tuple[int, int] | None:
        """(last entry that was watched, its time in ns), None for a shard that never was."""
        row = self._db.execute("SELECT entry, now_ns FROM positions WHERE shard = ?", (shard,)).fetchone()
        return (row["entry"], row["now_ns"]) if row else None

    def take(
        self,
        shard: int,
        entry: int,
        now_ns: int,
        findings: Iterable[tuple[Finding, Callable[[], Mapping]]],
        act: Callable[[Finding], int | None] = lambda finding: None,
        shards: Iterable[int] = (),
    ) -> list[int]:
        """Store findings (with what gives their evidence), what is to be done about them and how far was watched, together.

        `act` gives the status that the accounts of a finding that reached the step act are to have on all `shards`, None to leave them.
        Returns the ids of the cases that have reached a further step.
        """
        raised = []
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            for finding, evidence in findings:
                case = self._take(finding, evidence)
                if case is None:
                    continue
                raised.append(case)
                status = act(finding)
                for account in finding.accounts if status is not None else ():
                    if self.status_of(account) < status:
                        key = f"case-{case}-{account}"
                        self._ask(key, account, status, finding.sentence, ACTOR, shards, case)
            self._db.execute(
                "INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT (shard) DO UPDATE SET entry = excluded.entry, now_ns = excluded.now_ns",
                (shard, entry, now_ns),
            )
        return raised

    def _take(self, finding: Finding, evidence: Callable[[], Mapping]) -> int | None:
        known = self._matter(finding)
        if known is None:
            return self._open(finding, evidence())
        if known["last_ns"] >= finding.at_ns:
            return None
        if known["state"] == CLOSED and finding.at_ns - known["last_ns"] <= JOIN_NS and finding.step <= known["step"]:
            # A person closed it: what continues and says no more than they knew stays closed.
            self._db.execute("UPDATE cases SET last_ns = ? WHERE id = ?", (finding.at_ns, known["id"]))
            return None
        if known["state"] != OPEN:
            return self._open(finding, evidence())
        accounts = sorted({*json.loads(known["accounts"]), *finding.accounts})
        further = finding.step > known["step"]
        self._db.execute(
            "UPDATE cases SET step = max(step, ?), score = max(score, ?), sentence = ?, figures = ?, evidence = ?, accounts = ?, last_ns = ? WHERE id = ?",
            (finding.step, finding.score, finding.sentence, json.dumps(finding.figures), json.dumps(evidence()),
             json.dumps(accounts), finding.at_ns, known["id"]),
        )  # fmt: skip
        self._note_step(known["id"], finding)
        self._note_members(known["id"], accounts)
        newcomers = set(finding.accounts) - set(json.loads(known["accounts"]))
        return known["id"] if further or newcomers else None

    def _matter(self, finding: Finding) -> sqlite3.Row | None:
        """The youngest case that the finding continues: the same accounts, or a group that shares half of them."""
        rows = self._db.execute(
            "SELECT * FROM cases WHERE shard = ? AND symbol = ? AND pattern = ? AND last_ns >= ? ORDER BY id DESC LIMIT 50",
            (finding.shard, finding.symbol, finding.pattern, finding.at_ns - JOIN_NS),
        ).fetchall()
        mine = set(finding.accounts)
        for row in rows:
            theirs = set(json.loads(row["accounts"]))
            if theirs == mine or (
                finding.pattern == COORDINATED and 2 * len(theirs & mine) >= min(len(theirs), len(mine))
            ):
                return row
        return None

    def _open(self, finding: Finding, evidence: Mapping) -> int:
        case = self._db.execute(
            "INSERT INTO cases (pattern, shard, symbol, accounts, step, score, sentence, figures, evidence, first_ns, last_ns, opened_at, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open')",
            (finding.pattern, finding.shard, finding.symbol, json.dumps(sorted(finding.accounts)), finding.step, finding.score,
             finding.sentence, json.dumps(finding.figures), json.dumps(evidence), finding.first_ns, finding.at_ns, self._clock()),
        ).lastrowid  # fmt: skip
        self._note_step(int(case or 0), finding)
        self._note_members(int(case or 0), finding.accounts)
        return int(case or 0)

    def _note_step(self, case: int, finding: Finding) -> None:
        """The steps up to the finding's, each with the first moment it was reached."""
        for step in range(1, finding.step + 1):
            self._db.execute(
                "INSERT OR IGNORE INTO steps VALUES (?, ?, ?, ?, ?)",
                (case, step, finding.at_ns, finding.score, finding.sentence),
            )

    def _note_members(self, case: int, accounts: Iterable[int]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO members VALUES (?, ?)", [(case, account) for account in accounts])

    def lapse(self, now_ns: int) -> int:
        """Cases that were only watched and stayed quiet are over; the oldest beyond MOST_CASES are removed. Returns how many lapsed."""
        with self._db:
            lapsed = self._db.execute(
                "UPDATE cases SET state = 'lapsed', closed_at = ? WHERE state = 'open' AND step = 1 AND last_ns < ?",
                (self._clock(), now_ns - LAPSE_NS),
            ).rowcount
            self._db.execute(
                "DELETE FROM cases WHERE state = 'lapsed' AND id <= (SELECT max(id) FROM cases) - ?", (MOST_CASES,)
            )
        return lapsed

    def close_case(self, case: int, actor: str, note: str) -> bool:
        """A person is done with it; False when it was not open."""
        with self._db:
            return bool(
                self._db.execute(
                    "UPDATE cases SET state = 'closed', closed_at = ?, closed_by = ?, note = ? WHERE id = ? AND state = 'open'",
                    (self._clock(), actor, note, case),
                ).rowcount
            )

    # -- actions -------------------------------------------------------------------------------------------------------

    def ask(
        self,
        *,
        key: str,
        account: int,
        status: int,
        reason: str,
        actor: str,
        shards: Iterable[int],
        case: int | None = None,
    ) -> tuple[int, bool]:
        """Write an action down before it is sent; (its id, True when it is new). The same key again is the same action."""
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            return self._ask(key, account, status, reason, actor, shards, case)

    def _ask(
        self, key: str, account: int, status: int, reason: str, actor: str, shards: Iterable[int], case: int | None
    ) -> tuple[int, bool]:
        known = self._db.execute("SELECT id FROM actions WHERE key = ?", (key,)).fetchone()
        if known:
            return known["id"], False
        action = self._db.execute(
            "INSERT INTO actions (key, account, status, reason, actor, case_id, asked_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key, account, status, reason, actor, case, self._clock()),
        ).lastrowid
        for shard in shards:
            self._db.execute("UPDATE meta SET value = value + 1 WHERE name = 'request'")
            self._db.execute(
                "INSERT INTO orders SELECT ?, ?, value, 'requested', '', ? FROM meta WHERE name = 'request'",
                (action, shard, self._clock()),
            )
        return int(action or 0), True

    def unsettled(self, shard: int) -> list[dict[str, Any]]:
        """Orders to a shard whose outcome is not known, in the order of their request numbers."""
        rows = self._db.execute(
            "SELECT o.*, a.account, a.status, a.case_id, a.asked_at FROM orders o JOIN actions a ON a.id = o.action_id"
            " WHERE o.shard = ? AND o.outcome IN ('requested', 'unknown') ORDER BY o.request",
            (shard,),
        )
        return [dict(row) for row in rows]

    def settle(self, action: int, shard: int, outcome: str, detail: str) -> None:
        """What became of an action on a shard."""
        with self._db:
            self._db.execute(
                "UPDATE orders SET outcome = ?, detail = ?, at = ? WHERE action_id = ? AND shard = ?",
                (outcome, detail, self._clock(), action, shard),
            )

    # -- reading -------------------------------------------------------------------------------------------------------

    def cases(self, filters: Mapping[str, Any], limit: int, before: int | None) -> dict[str, Any]:
        """{cases, next, total}: newest first, `before` pages on. filters: state, pattern, step, account, shard, symbol."""
        where, values = ["1 = 1"], []
        for name in ("state", "pattern", "shard", "symbol"):
            if filters.get(name) is not None:
                where.append(f"{name} = ?")
                values.append(filters[name])
        if filters.get("step") is not None:
            where.append("step >= ?")
            values.append(STEPS.index(filters["step"]) + 1)
        if filters.get("account") is not None:
            where.append("id IN (SELECT case_id FROM members WHERE account = ?)")
            values.append(filters["account"])
        condition = " AND ".join(where)
        total = self._db.execute(f"SELECT count(*) FROM cases WHERE {condition}", values).fetchone()[0]  # noqa: S608
        rows = self._db.execute(
            f"SELECT * FROM cases WHERE {condition} AND id < ? ORDER BY id DESC LIMIT ?",  # noqa: S608
            [*values, before if before is not None else 1 << 62, limit + 1],
        ).fetchall()
        shown = [_case(row) for row in rows[:limit]]
        return {"cases": shown, "next": shown[-1]["id"] if len(rows) > limit else None, "total": total}

    def case(self, number: int) -> dict[str, Any] | None:
        """One case with its evidence, steps and actions."""
        row = self._db.execute("SELECT * FROM cases WHERE id = ?", (number,)).fetchone()
        if row is None:
            return None
        steps = self._db.execute("SELECT * FROM steps WHERE case_id = ? ORDER BY step", (number,))
        actions = self._db.execute("SELECT * FROM actions WHERE case_id = ? ORDER BY id", (number,)).fetchall()
        return _case(row) | {
            "evidence": json.loads(row["evidence"]),
            "steps": [
                {
                    "step": STEPS[step["step"] - 1],
                    "at_ns": step["at_ns"],
                    "score": step["score"],
                    "sentence": step["sentence"],
                }
                for step in steps
            ],
            "actions": [self._action(action) for action in actions],
        }

    def action(self, key: str) -> dict[str, Any] | None:
        """An action by its key, with what became of it on every shard."""
        row = self._db.execute("SELECT * FROM actions WHERE key = ?", (key,)).fetchone()
        return self._action(row) if row else None

    def actions_of(self, account: int, limit: int = 50) -> list[dict[str, Any]]:
        """The account's actions, newest first."""
        rows = self._db.execute("SELECT * FROM actions WHERE account = ? ORDER BY id DESC LIMIT ?", (account, limit))
        return [self._action(row) for row in rows.fetchall()]

    def restricted(self) -> list[dict[str, Any]]:
        """Accounts whose last action, as far as it was executed or is on its way, leaves them restricted."""
        rows = self._db.execute(
            "SELECT * FROM actions WHERE id IN (SELECT max(id) FROM actions WHERE id IN"
            " (SELECT action_id FROM orders WHERE outcome != 'refused') GROUP BY account) AND status != 0 ORDER BY id DESC LIMIT 500"
        )
        return [self._action(row) for row in rows.fetchall()]

    def status_of(self, account: int) -> int:
        """The status that the account's last action gives it; 0 without any."""
        row = self._db.execute(
            "SELECT status FROM actions WHERE account = ? AND id IN (SELECT action_id FROM orders WHERE outcome != 'refused') ORDER BY id DESC LIMIT 1",
            (account,),
        ).fetchone()
        return row["status"] if row else 0

    def _action(self, row: sqlite3.Row) -> dict[str, Any]:
        orders = self._db.execute("SELECT * FROM orders WHERE action_id = ? ORDER BY shard", (row["id"],)).fetchall()
        shards = {
            str(one["shard"]): {"outcome": one["outcome"], "detail": one["detail"], "at": one["at"]} for one in orders
        }
        return {name: row[name] for name in ("key", "account", "status", "reason", "actor", "case_id", "asked_at")} | {
            "outcome": _joined([one["outcome"] for one in orders]),
            "shards": shards,
        }

    def counts(self) -> dict[str, dict[tuple[str, str], int]]:
        """{"reached": {(pattern, step): cases that ever reached it}, "open": {(pattern, step): cases that stand there now}}."""
        reached = {(pattern, step): 0 for pattern in (*PATTERNS, UNWATCHED) for step in STEPS}
        standing = dict(reached)
        for row in self._db.execute(
            "SELECT c.pattern, s.step, count(*) AS n FROM steps s JOIN cases c ON c.id = s.case_id GROUP BY 1, 2"
        ):
            reached[row["pattern"], STEPS[row["step"] - 1]] = row["n"]
        for row in self._db.execute(
            "SELECT pattern, step, count(*) AS n FROM cases WHERE state = 'open' GROUP BY 1, 2"
        ):
            standing[row["pattern"], STEPS[row["step"] - 1]] = row["n"]
        return {"reached": reached, "open": standing}

    def action_counts(self) -> dict[tuple[int, str], int]:
        """{(status, outcome): orders to shards}."""
        rows = self._db.execute(
            "SELECT a.status, o.outcome, count(*) AS n FROM orders o JOIN actions a ON a.id = o.action_id GROUP BY 1, 2"
        )
        return {(row["status"], row["outcome"]): row["n"] for row in rows}


def _joined(outcomes: list[str]) -> str:
    """One word for all shards: the worst that is known."""
    for word in (UNKNOWN, REQUESTED, REFUSED):
        if word in outcomes:
            return word
    return EXECUTED if outcomes else UNKNOWN


def _case(row: sqlite3.Row) -> dict[str, Any]:
    names = ("id", "pattern", "shard", "symbol", "score", "sentence", "first_ns", "last_ns", "opened_at", "state",
             "closed_at", "closed_by", "note")  # fmt: skip
    return {name: row[name] for name in names} | {
        "step": STEPS[row["step"] - 1],
        "accounts": json.loads(row["accounts"]),
        "figures": json.loads(row["figures"]),
    }
