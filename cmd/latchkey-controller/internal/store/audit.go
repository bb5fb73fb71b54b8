package store

// An AuditOutcome is the result of an administrator's act.
type AuditOutcome string

// The outcomes.
const (
	Done    AuditOutcome = "done"
	Asked   AuditOutcome = "asked"   // sent to a reader that has not answered
	Refused AuditOutcome = "refused" // the administrator lacks the right
	Failed  AuditOutcome = "failed"
	Clash   AuditOutcome = "clash" // a chosen PIN or a typed card is already assigned
)

// An Audit is an audit entry: one act of an administrator. It holds no secret.
type Audit struct {
	ID      int64
	At      int64 // Unix milliseconds
	Admin   int64 // 0: the command line, or unknown
	Who     string
	Via     string
	Act     string
	Outcome AuditOutcome
	Reader  string // "": none
	User    uint64 // 0: none
	Subject string // name of the target at that time
	Text    string
	Said    string // the same, to be said in a language; "": there is English only
	Count   int    // how many acts this entry stands for

	Event  int64 // id of its event; of one that is to be added as Deed returned it, or 0
	PartOf int64 // of one that is to be added: id of the event of which it is a part; 0: it stands by itself
}

// ExportAct is the one act whose subject is a file format, not a user's name.
const ExportAct = "activity.export"

// AddAudit adds an audit entry and its event, and fills in ID and Event.
func (t *Tx) AddAudit(a *Audit) error {
	err := t.row(`INSERT INTO audit (at, admin_id, who, via, act, outcome, reader_id, user_id, subject, text, said) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		[]any{a.At, a.Admin, a.Who, a.Via, a.Act, string(a.Outcome), a.Reader, a.User, a.Subject, a.Text, a.Said}, &a.ID)
	if err != nil {
		return err
	}
	entry := &Event{Source: FromAudit, Row: a.ID, Class: ClassAdmin, Kind: actKind + a.Act, Reader: a.Reader, User: a.User, At: a.At, Received: a.At, Subject: a.Subject, Who: a.Who, ID: a.Event, PartOf: a.PartOf}
	if a.Act == ExportAct {
		entry.Subject = "" // it names the format
	}
	err = t.addEvent(entry)
	a.Event = entry.ID
	return err
}

// Of an administrator's refused acts within refusedWithin, the first refusedEach get
// an audit entry each; the others share one, MoreRefused.
const (
	refusedEach   = 10
	refusedWithin = 60_000 // ms
	MoreRefused   = "more"
)

// AddRefused adds an audit entry for a refused act.
func (t *Tx) AddRefused(a *Audit) error {
	var n int
	var last int64
	err := t.row(`SELECT count(*), coalesce(max(id), 0) FROM audit WHERE admin_id = ? AND outcome = 'refused' AND at > ? AND at <= ?`, []any{a.Admin, a.At - refusedWithin, a.At}, &n, &last)
	switch {
	case err != nil:
		return err
	case n < refusedEach:
		return t.AddAudit(a)
	case n == refusedEach:
		return t.AddAudit(&Audit{At: a.At, Admin: a.Admin, Who: a.Who, Via: a.Via, Act: MoreRefused, Outcome: Refused})
	}
	return t.exec(`UPDATE audit SET count = count + 1 WHERE id = ?`, last)
}

// SettleAudit records the outcome of an act that was Asked.
func (t *Tx) SettleAudit(id int64, outcome AuditOutcome, text, said string) error {
	return t.exec(`UPDATE audit SET outcome = ?, text = ?, said = ? WHERE id = ?`, string(outcome), text, said, id)
}

// Audit returns the audit entries of some ids, by id.
func (t *Tx) Audit(ids []int64) (map[int64]*Audit, error) {
	entries := make(map[int64]*Audit, len(ids))
	err := t.rows(`SELECT id, at, admin_id, who, via, act, outcome, reader_id, user_id, subject, text, said, count FROM audit WHERE id IN `+listedIDs, []any{list(ids)}, func(r scanner) error {
		var a Audit
		err := r.Scan(&a.ID, &a.At, &a.Admin, &a.Who, &a.Via, &a.Act, &a.Outcome, &a.Reader, &a.User, &a.Subject, &a.Text, &a.Said, &a.Count)
		entries[a.ID] = &a
		return err
	})
	return entries, err
}

// Clashes returns how many PINs and cards that were already assigned an
// administrator, and all administrators together, have typed since an audit entry.
func (t *Tx) Clashes(admin int64, since int64) (own, all int, err error) {
	err = t.row(`SELECT count(*) FILTER (WHERE admin_id = ?), count(*) FROM audit WHERE outcome = 'clash' AND id > ?`, []any{admin, since}, &own, &all)
	return own, all, err
}

// Did says whether an act was done whose entry is still kept, with a text; "": with any.
func (t *Tx) Did(act, text string) (did bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 FROM activity JOIN audit ON audit.id = activity.row
		WHERE activity.class = 'admin' AND activity.kind = ? AND activity.source = ? AND audit.outcome = 'done' AND (audit.text = ? OR CAST(? AS TEXT) = ''))`, []any{actKind + act, int64(FromAudit), text, text}, &did)
	return did, err
}
