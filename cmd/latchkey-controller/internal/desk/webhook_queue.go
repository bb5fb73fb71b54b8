package desk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Body writes what a webhook sends of an event.
type Body func(n *WebhookEvent, style WebhookStyle, persons bool) []byte

// Bounds of the queue of deliveries. Beyond them events wait in the activity.
const (
	maxWaiting    = 2000 // deliveries of a webhook
	queuedAtOnce  = 200  // events in one transaction
	keptDelivered = 500  // of a webhook, for people to look at
	keptFailed    = 1000
)

// QueueWebhooks turns events of the activity into deliveries, in one transaction with how far
// that has come. It returns how many it made, and whether there is more to do. It is the controller's own: no
// actor, and no right is checked.
func (d *Desk) QueueWebhooks(ctx context.Context, body Body) (made int, more bool, err error) {
	idle := true
	err = d.site.View(ctx, func(tx *store.Tx) error {
		newest, _, err := tx.Newest()
		if err != nil {
			return err
		}
		webhooks, err := tx.SendingWebhooks()
		for _, w := range webhooks {
			idle = idle && w.Cursor >= newest
		}
		return err
	})
	if err != nil || idle {
		return 0, false, err
	}
	lives, err := d.lives(ctx)
	if err != nil {
		return 0, false, err
	}
	err = d.site.Keep(ctx, func(tx *store.Tx) error {
		made, more = 0, false
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		places, err := tx.ReaderPlaces()
		if err != nil {
			return err
		}
		newest, _, err := tx.Newest()
		if err != nil {
			return err
		}
		webhooks, err := tx.SendingWebhooks()
		if err != nil {
			return err
		}
		q := &queueing{d: d, tx: tx, now: now, newest: newest, read: map[int64]*batch{}}
		for _, w := range webhooks {
			n, left, err := q.webhook(w, body, func(n *WebhookEvent) {
				if n.Event.Reader == "" {
					return
				}
				n.Place = places[n.Event.Reader]
				if live := lives.of[n.Event.Reader]; live != nil {
					n.Online = live.Online
					if live.State != nil {
						n.Runs = live.State.Version
					}
				}
			})
			if err != nil {
				return err
			}
			made, more = made+n, more || left
		}
		if made > 0 {
			return tx.PruneDeliveries(keptDelivered, keptFailed)
		}
		return nil
	})
	return made, more, err
}

// A queueing is a transaction that makes deliveries.
type queueing struct {
	d      *Desk
	tx     *store.Tx
	now    clock.Steady
	newest int64
	read   map[int64]*batch // by the cursor before it: webhooks mostly have the same
}

// A batch is a run of events.
type batch struct {
	notices []*WebhookEvent
	next    int64 // the cursor after it
}

// after returns the events after a cursor.
func (q *queueing) after(cursor int64) (*batch, error) {
	if b := q.read[cursor]; b != nil {
		return b, nil
	}
	// Nothing that leaves the controller tells of duress.
	rows, err := q.tx.Activity(store.ActivityFilter{After: cursor, Oldest: true, NoDuress: true, Limit: queuedAtOnce})
	if err != nil {
		return nil, err
	}
	b := &batch{next: q.newest}
	if len(rows) == queuedAtOnce {
		b.next = rows[len(rows)-1].ID
	}
	all, err := events(q.tx, rows)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		n, err := notices(q.tx, e)
		if err != nil {
			return nil, err
		}
		b.notices = append(b.notices, n...)
	}
	q.read[cursor] = b
	return b, nil
}

// webhook queues the next events of a webhook.
func (q *queueing) webhook(w *store.Webhook, body Body, fill func(*WebhookEvent)) (made int, more bool, err error) {
	if w.Cursor >= q.newest {
		return 0, false, nil
	}
	waiting, err := q.tx.WaitingDeliveries(w.ID)
	if err != nil || waiting >= maxWaiting {
		return 0, false, err // it goes on when some are delivered
	}
	b, err := q.after(w.Cursor)
	if err != nil {
		return 0, false, err
	}
	for _, n := range b.notices {
		if !wants(w, n) {
			continue
		}
		fill(n)
		// It was to be delivered when it arrived.
		age := min(max(q.d.now().Sub(n.Event.Received), 0), giveUpAfter)
		err := q.tx.AddDelivery(&store.Delivery{
			Webhook: w.ID, Lane: n.lane(), Message: newMessageID(), Activity: n.Event.ID, Event: n.Name, At: n.Event.At.UnixMilli(),
			Body: body(n, WebhookStyle(w.Style), w.Persons), Since: q.now.Add(-age), Due: q.now,
		})
		if err != nil {
			return made, false, err
		}
		made++
	}
	return made, b.next < q.newest, q.tx.SetWebhookCursor(w.ID, b.next)
}

func newMessageID() string {
	var b [16]byte
	rand.Read(b[:])
	return "msg_" + hex.EncodeToString(b[:])
}

// An Outgoing is a delivery that is to be tried now.
type Outgoing struct {
	store.Delivery
	URL     string
	Secret  string
	Former  string // the secret before, while that signs, too; "": there is none
	Headers map[string]string
	Style   WebhookStyle
	Inside  bool // its host is allowed inside the network
}

// Due returns the deliveries that are to be tried now: of each webhook the first in each
// lane, as far as pick takes it. It also returns how long it is until another is due; 0: none
// waits. It is the controller's own.
func (d *Desk) Due(ctx context.Context, pick func(webhook, lane int64) bool) (due []*Outgoing, next time.Duration, err error) {
	err = d.site.View(ctx, func(tx *store.Tx) error {
		due, next = nil, 0
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		hosts, err := tx.WebhookHosts()
		if err != nil {
			return err
		}
		webhooks, err := tx.SendingWebhooks()
		if err != nil {
			return err
		}
		for _, w := range webhooks {
			first, err := tx.FirstDeliveries(w.ID)
			if err != nil {
				return err
			}
			var part sealedPart
			for _, head := range first {
				if head.Due > now {
					if wait := head.Due.Sub(now); next == 0 || wait < next {
						next = wait
					}
					break
				}
				if !pick(w.ID, head.Lane) {
					continue
				}
				if part.Secret == "" {
					if part, err = unsealWebhook(d.site, w); err != nil {
						return err
					}
				}
				one, err := tx.Delivery(head.ID)
				if err != nil {
					return err
				}
				o := &Outgoing{Delivery: *one, URL: w.URL, Secret: part.Secret, Headers: part.Headers, Style: WebhookStyle(w.Style)}
				if now < part.Until {
					o.Former = part.Former
				}
				for _, h := range hosts {
					o.Inside = o.Inside || h.Host == hostOf(w.URL)
				}
				due = append(due, o)
			}
		}
		return nil
	})
	return due, next, err
}

// An Attempt is how an attempt to deliver ended.
type Attempt struct {
	Status  int           // of the answer; 0: there was none
	Problem string        // why it did not arrive, without a full stop; "": it did
	Wait    time.Duration // the receiver asked for; 0: it did not
	Gone    bool          // the receiver has said that it wants nothing any more
}

// retryAfter are the waits after each attempt (Standard Webhooks, "Deliverability and reliability").
// After the last there is none.
var retryAfter = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// giveUpAfter is how old an event is that is tried once more at most; maxRetryAfter is how
// long a receiver may have it wait.
const giveUpAfter, maxRetryAfter = 75 * time.Hour, 24 * time.Hour

// Settle stores how an attempt to deliver ended. It is the controller's own.
func (d *Desk) Settle(ctx context.Context, id int64, got Attempt) error {
	return d.site.Keep(ctx, func(tx *store.Tx) error {
		one, err := tx.Delivery(id)
		if errors.Is(err, store.ErrNotFound) || err == nil && one.State == store.Delivered {
			return nil // the webhook was removed meanwhile
		}
		if err != nil {
			return err
		}
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		one.Attempts++
		one.Status, one.Problem, one.Tried = got.Status, got.Problem, d.now().Unix()
		switch {
		case got.Problem == "":
			one.State = store.Delivered
		case one.State == store.Undone: // it was stopped meanwhile
		case one.Attempts > len(retryAfter) || now.Sub(one.Since) >= giveUpAfter:
			one.State = store.Undone
		default:
			wait := retryAfter[one.Attempts-1]
			wait += time.Duration(float64(wait) * 0.1 * random()) // so that those of an outage do not come all at once
			one.Due = now.Add(max(wait, min(got.Wait, maxRetryAfter)))
		}
		if err := tx.SetDelivery(one); err != nil || !got.Gone {
			return err
		}
		w, err := tx.Webhook(one.Webhook)
		if err != nil || w.Stopped != "" {
			return err
		}
		w.Stopped = stoppedGone
		controller := Actor{Name: "Latchkey", Via: Controller}
		return errors.Join(tx.SetWebhook(w), tx.StopDeliveries(w.ID, w.Stopped),
			(&auditTarget{subject: w.Name, text: whyStopped(w.Stopped)}).note(tx, d.now(), controller, StopWebhook, nil))
	})
}

// random returns a number from 0 to 1.
func random() float64 {
	var b [1]byte
	rand.Read(b[:])
	return float64(b[0]) / 255
}
