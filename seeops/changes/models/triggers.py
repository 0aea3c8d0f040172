"""The last line of change control: what the database itself refuses, whoever writes and by which path.

The functions `changes_freezes_of` and `changes_delegated` are made by the migration 0002_control.
"""

# A ticket is approved only while every stage has enough approvals of exactly its present content that have not expired when the
# execution begins. Without stages: a template that holds, or any valid approval.
APPROVED_BY_APPROVAL = """
IF NEW.state NOT IN ('approved', 'scheduled', 'executing') THEN
    RETURN NEW;
END IF;
begins := NEW.state = 'executing' AND (TG_OP = 'INSERT' OR OLD.state <> 'executing');
IF jsonb_array_length(NEW.stages) = 0 AND NEW.template_id IS NOT NULL THEN
    IF NOT EXISTS (
        SELECT 1 FROM changes_standardtemplate t
        WHERE t.id = NEW.template_id AND t.approved_by_id IS NOT NULL AND (
            NOT begins AND TG_OP = 'UPDATE' AND OLD.state = NEW.state
            OR t.retired_at IS NULL AND t.valid_until > clock_timestamp()
        )
    ) THEN
        RAISE EXCEPTION 'ticket % has no valid approval of its present content: its template does not hold', NEW.number;
    END IF;
    RETURN NEW;
END IF;
FOR step IN SELECT * FROM jsonb_array_elements(
    CASE WHEN jsonb_array_length(NEW.stages) = 0 THEN '[{"number": null, "needed": 1}]'::jsonb ELSE NEW.stages END
) LOOP
    SELECT count(DISTINCT a.approver_id) INTO votes FROM changes_approval a
    WHERE a.ticket_id = NEW.id AND a.decision = 'approve' AND a.voided_at IS NULL AND a.content_digest = NEW.content_digest
      AND (step->>'number' IS NULL OR a.stage = (step->>'number')::int)
      AND (COALESCE((step->>'step_up')::boolean, false) = false OR a.stepped_up_at IS NOT NULL)
      AND (NOT begins OR a.expires_at IS NULL OR a.expires_at > clock_timestamp());
    IF votes < GREATEST(1, (step->>'needed')::int) THEN
        RAISE EXCEPTION 'ticket % has no valid approval of its present content (stage %: % of %)',
            NEW.number, step->>'number', votes, step->>'needed';
    END IF;
END LOOP;
RETURN NEW;
"""

# The columns that the check constraints compare are filled from the ticket, whatever the writer says. The ticket is locked, so
# that two votes of one person cannot pass each other.
FILL_FROM_TICKET = """
SELECT requester_id, planner_id INTO NEW.requester_id, NEW.planner_id FROM changes_changeticket WHERE id = NEW.ticket_id FOR UPDATE;
RETURN NEW;
"""

# One person counts once in a ticket, in their own name or another's; nobody acts for somebody who takes part in the change.
VOTE_COUNTS_ONCE = """
IF NEW.decision <> 'approve' THEN
    RETURN NEW;
END IF;
SELECT * INTO ticket FROM changes_changeticket WHERE id = NEW.ticket_id FOR UPDATE;
IF ticket.executor_id IN (NEW.approver_id, NEW.on_behalf_of_id) THEN
    RAISE EXCEPTION 'the executor of ticket % cannot approve it', ticket.number;
END IF;
IF NEW.on_behalf_of_id IS NOT NULL AND NOT changes_delegated(NEW.on_behalf_of_id, NEW.approver_id) THEN
    RAISE EXCEPTION 'no delegation lets % approve for %', NEW.approver_id, NEW.on_behalf_of_id;
END IF;
IF changes_delegated(ticket.requester_id, NEW.approver_id) OR changes_delegated(ticket.planner_id, NEW.approver_id)
   OR changes_delegated(ticket.executor_id, NEW.approver_id) THEN
    RAISE EXCEPTION 'the approver holds the delegation of somebody who takes part in ticket %', ticket.number;
END IF;
IF EXISTS (
    SELECT 1 FROM changes_approval a
    WHERE a.ticket_id = NEW.ticket_id AND a.decision = 'approve' AND a.voided_at IS NULL
      AND (NEW.approver_id IN (a.approver_id, a.on_behalf_of_id) OR NEW.on_behalf_of_id IN (a.approver_id, a.on_behalf_of_id))
) THEN
    RAISE EXCEPTION 'a person counts once in the approval of ticket %', ticket.number;
END IF;
RETURN NEW;
"""

# A decision is evidence: it can be voided, nothing else.
DECISION_STAYS = """
IF (NEW.ticket_id, NEW.approver_id, NEW.on_behalf_of_id, NEW.stage, NEW.decision, NEW.content_digest, NEW.plan_digest, NEW.expires_at,
    NEW.stepped_up_at)
   IS DISTINCT FROM (OLD.ticket_id, OLD.approver_id, OLD.on_behalf_of_id, OLD.stage, OLD.decision, OLD.content_digest,
    OLD.plan_digest, OLD.expires_at, OLD.stepped_up_at)
   OR (OLD.voided_at IS NOT NULL AND NEW.voided_at IS DISTINCT FROM OLD.voided_at) THEN
    RAISE EXCEPTION 'a decision can be voided, not changed';
END IF;
RETURN NEW;
"""

# What was approved stays as it was while it is; a standard change that its template covers is approved anew by it at once.
REQUESTER_STAYS = """
IF NEW.requester_id <> OLD.requester_id THEN
    RAISE EXCEPTION 'the requester of ticket % cannot be changed', OLD.number;
END IF;
IF NEW.stages <> OLD.stages AND OLD.state IN ('approved', 'scheduled', 'executing')
   AND NEW.state IN ('approved', 'scheduled', 'executing') THEN
    RAISE EXCEPTION 'the approval stages of ticket % cannot be changed after its approval', OLD.number;
END IF;
IF OLD.state IN ('approved', 'scheduled', 'executing') AND NEW.state IN ('approved', 'scheduled', 'executing')
   AND NOT (jsonb_array_length(NEW.stages) = 0 AND NEW.template_id IS NOT NULL)
   AND (NEW.title, NEW.kind, NEW.reason, NEW.window_start, NEW.window_end, NEW.reversibility, NEW.incident, NEW.template_id, NEW.plan,
        NEW.plan_digest, NEW.content_digest, NEW.impact_digest, NEW.risk_level)
   IS DISTINCT FROM (OLD.title, OLD.kind, OLD.reason, OLD.window_start, OLD.window_end, OLD.reversibility, OLD.incident,
        OLD.template_id, OLD.plan, OLD.plan_digest, OLD.content_digest, OLD.impact_digest, OLD.risk_level) THEN
    RAISE EXCEPTION 'what was approved of ticket % cannot be changed: it waits for another approval then', OLD.number;
END IF;
RETURN NEW;
"""

EXECUTOR_DID_NOT_APPROVE = """
IF EXISTS (
    SELECT 1 FROM changes_approval a
    WHERE a.ticket_id = NEW.id AND a.decision = 'approve' AND a.voided_at IS NULL AND a.content_digest = NEW.content_digest
      AND (NEW.executor_id IN (a.approver_id, a.on_behalf_of_id) OR NEW.planner_id IN (a.approver_id, a.on_behalf_of_id))
) THEN
    RAISE EXCEPTION 'the planner or executor of ticket % approved it', NEW.number;
END IF;
RETURN NEW;
"""

# The clock is the database's own: no caller says what time it is.
NOT_WHILE_FROZEN = """
IF NEW.state <> 'executing' OR (TG_OP = 'UPDATE' AND OLD.state = 'executing') THEN
    RETURN NEW;
END IF;
IF EXISTS (
    SELECT 1 FROM changes_breakglass b
    WHERE b.ticket_id = NEW.id AND b.confirmed_at IS NOT NULL AND b.closed_at IS NULL AND b.expires_at > clock_timestamp()
) THEN
    RETURN NEW;
END IF;
SELECT f.title INTO frozen_by FROM changes_freezes_of(NEW.id) f
WHERE f.starts_at <= clock_timestamp() AND f.ends_at > clock_timestamp() LIMIT 1;
IF frozen_by IS NOT NULL THEN
    RAISE EXCEPTION 'ticket % cannot begin: production is frozen (%)', NEW.number, frozen_by;
END IF;
RETURN NEW;
"""
