package store

import "latchkey/cmd/latchkey-controller/internal/clock"

// A DeliveryState is how far a delivery has come.
type DeliveryState int

// The states.
const (
	Waiting   DeliveryState = 1
	Delivered DeliveryState = 2
	Undone    DeliveryState = 3 // failed for good, unless somebody has it sent again
)

// LaneTest is the lane of tests; that of an event is the number of its door, 0 without one.
const LaneTest = -1

// A Delivery is an event that is sent by a webhook.
type Delivery struct {
	ID       int64
	Webhook  int64
	Lane     int64  // within which deliveries of a webhook are in order
	Message  string // its id for the receiver
	Activity int64  // the event's id; 0: a test
	Event    string // its name
	Body     []byte // empty once it is delivered
	State    DeliveryState
	Attempts int
	Status   int    // HTTP status of the last answer; 0: there was none
	Problem  string // of the last attempt; "": none
	At       int64  // Unix milliseconds: of the event
	Tried    int64  // Unix seconds: the last attempt; 0: none
	Since    clock.Steady
	Due      clock.Steady // not to be tried before
}

// AddDelivery adds a delivery that waits, and fills in the ID.
func (t *Tx) AddDelivery(d *Delivery) error {
	d.State = Waiting
	return t.row(`INSERT INTO deliveries (webhook, lane, message, activity, event, body, state, attempts, status, problem, at, tried, since, due) VALUES (?, ?, ?, ?, ?, ?, 1, 0, 0, '', ?, 0, ?, ?) RETURNING id`,
		[]any{d.Webhook, d.Lane, d.Message, d.Activity, d.Event, append([]byte{}, d.Body...), d.At, d.Since, d.Due}, &d.ID)
}

// SetDelivery stores how far a delivery has come. It loses its body once it is delivered.
func (t *Tx) SetDelivery(d *Delivery) error {
	if d.State == Delivered {
		d.Body = nil
	}
	return t.exec(`UPDATE deliveries SET body = ?, state = ?, attempts = ?, status = ?, problem = ?, tried = ?, since = ?, due = ? WHERE id = ?`,
		append([]byte{}, d.Body...), d.State, d.Attempts, d.Status, d.Problem, d.Tried, d.Since, d.Due, d.ID)
}

// WaitingDeliveries returns how many deliveries of a webhook wait.
func (t *Tx) WaitingDeliveries(webhook int64) (n int, err error) {
	err = t.row(`SELECT count(*) FROM deliveries WHERE webhook = ? AND state = 1`, []any{webhook}, &n)
	return n, err
}

// FirstDeliveries returns the first that waits in each lane of a webhook, those that are due
// first on top, without their bodies.
func (t *Tx) FirstDeliveries(webhook int64) (first []*Delivery, err error) {
	err = t.rows(`SELECT d.id, d.lane, d.due FROM (SELECT min(id) AS id FROM deliveries WHERE webhook = ? AND state = 1 GROUP BY lane) f JOIN deliveries d ON d.id = f.id ORDER BY d.due, d.id`,
		[]any{webhook}, func(r scanner) error {
			d := Delivery{Webhook: webhook}
			first = append(first, &d)
			return r.Scan(&d.ID, &d.Lane, &d.Due)
		})
	return first, err
}

const deliveryColumns = `id, webhook, lane, message, activity, event, body, state, attempts, status, problem, at, tried, since, due`

func (d *Delivery) into() []any {
	return []any{&d.ID, &d.Webhook, &d.Lane, &d.Message, &d.Activity, &d.Event, &d.Body, &d.State, &d.Attempts, &d.Status, &d.Problem, &d.At, &d.Tried, &d.Since, &d.Due}
}

// Delivery returns a delivery, or ErrNotFound.
func (t *Tx) Delivery(id int64) (*Delivery, error) {
	var d Delivery
	return &d, t.row(`SELECT `+deliveryColumns+` FROM deliveries WHERE id = ?`, []any{id}, d.into()...)
}

// Deliveries returns deliveries of a webhook below an id, the newest first; state 0: any.
func (t *Tx) Deliveries(webhook int64, state DeliveryState, before int64, limit int) (all []*Delivery, err error) {
	where, args := `webhook = ? AND id < ?`, []any{webhook, before}
	if state != 0 {
		where, args = where+` AND state = ?`, append(args, state)
	}
	err = t.rows(`SELECT `+deliveryColumns+` FROM deliveries WHERE `+where+` ORDER BY id DESC LIMIT ?`, append(args, limit), func(r scanner) error {
		var d Delivery
		all = append(all, &d)
		return r.Scan(d.into()...)
	})
	return all, err
}

// StopDeliveries ends what waits at a webhook as failed, because of a problem.
func (t *Tx) StopDeliveries(webhook int64, problem string) error {
	return t.exec(`UPDATE deliveries SET state = 3, problem = ? WHERE webhook = ? AND state = 1`, problem, webhook)
}

// PruneDeliveries deletes the oldest deliveries of each webhook that have arrived or failed,
// beyond how many of either are kept, and all whose event is no longer in the activity.
func (t *Tx) PruneDeliveries(delivered, failed int) error {
	for state, keep := range map[DeliveryState]int{Delivered: delivered, Undone: failed} {
		err := t.exec(`DELETE FROM deliveries WHERE id IN (SELECT d.id FROM webhooks w JOIN deliveries d ON d.webhook = w.id AND d.state = ?1
			AND d.id <= (SELECT id FROM deliveries WHERE webhook = w.id AND state = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2))`, state, keep)
		if err != nil {
			return err
		}
	}
	return t.exec(`DELETE FROM deliveries WHERE state <> 1 AND activity > 0 AND activity < (SELECT min(id) FROM activity)`)
}

// ForgetDeliveries deletes all deliveries that wait, and has webhooks begin with what happens
// from now on: a backup is restored.
func (t *Tx) ForgetDeliveries() error {
	if err := t.exec(`DELETE FROM deliveries WHERE state = 1`); err != nil {
		return err
	}
	return t.exec(`UPDATE webhooks SET cursor = (SELECT coalesce(max(id), 0) FROM activity)`)
}
