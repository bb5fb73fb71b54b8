package desk

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Delivery is an event on its way to a receiver.
type Delivery struct {
	ID       int64
	Event    string // its name
	At       time.Time
	State    DeliveryState
	Attempts int
	Status   int                // HTTP status of the last answer; 0: there was none
	Problem  *language.Sentence // of the last attempt, without a full stop; nil: none
	Tried    time.Time          // the last attempt; zero: none
	Next     time.Time          // while it waits: not before
}

// A DeliveryState is how far a delivery has come.
type DeliveryState string

// The states.
const (
	DeliveryWaiting   DeliveryState = "waiting"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed"
)

// DeliveryStates returns all states.
func DeliveryStates() []DeliveryState {
	return []DeliveryState{DeliveryWaiting, DeliveryDelivered, DeliveryFailed}
}

var deliveryStates = map[store.DeliveryState]DeliveryState{store.Waiting: DeliveryWaiting, store.Delivered: DeliveryDelivered, store.Undone: DeliveryFailed}

// A DeliveryPage holds deliveries of a webhook, the newest first.
type DeliveryPage struct {
	Webhook    *Webhook
	Deliveries []*Delivery
	Older      int64 // for the next page; 0: this is the last
}

// Deliveries returns a page of the deliveries of a webhook: those in a state, "": all; before
// is Older of the page before it, 0: the newest.
func (d *Desk) Deliveries(ctx context.Context, a Actor, webhook int64, state DeliveryState, before int64, limit int) (page *DeliveryPage, err error) {
	limit = pageSize(limit)
	if before == 0 {
		before = math.MaxInt64
	}
	err = d.view(ctx, a, ViewWebhooks, func(tx *store.Tx) error {
		all, err := tx.Webhooks()
		if err != nil {
			return err
		}
		page = new(DeliveryPage)
		for _, row := range all {
			if row.ID != webhook {
				continue
			}
			if page.Webhook, err = d.webhook(row); err != nil {
				return err
			}
		}
		if page.Webhook == nil {
			return ErrNotFound
		}
		var in store.DeliveryState
		for stored, s := range deliveryStates {
			if s == state {
				in = stored
			}
		}
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		rows, err := tx.Deliveries(webhook, in, before, limit+1)
		if len(rows) > limit {
			rows = rows[:limit]
			page.Older = rows[limit-1].ID
		}
		for _, row := range rows {
			one := &Delivery{ID: row.ID, Event: row.Event, At: time.UnixMilli(row.At), State: deliveryStates[row.State], Attempts: row.Attempts, Status: row.Status, Problem: whyUndelivered(row.Status, row.Problem), Tried: moment(row.Tried)}
			if row.State == store.Waiting && row.Due > now {
				one.Next = d.now().Add(row.Due.Sub(now))
			}
			page.Deliveries = append(page.Deliveries, one)
		}
		return err
	})
	return page, err
}

// sendingStopped is stored of deliveries that were not sent because their webhook was stopped.
const sendingStopped = "sending was stopped"

// whyUndelivered says why the last attempt did not arrive, of which the status that came back (0: none) and the text are stored.
func whyUndelivered(status int, stored string) *language.Sentence {
	answered := strconv.Itoa(status)
	switch text := http.StatusText(status); {
	case stored == "":
		return nil
	case stored == sendingStopped:
		return language.Say("sending was stopped")
	case stored == stoppedGone:
		return whyStopped(stored)
	case !strings.HasPrefix(stored, "it answered "):
		return language.Data(stored)
	case status == http.StatusGone:
		return language.Say("it answered that it is gone (410)")
	case status >= 300 && status < 400:
		return language.Say("it answered %s: redirects are not followed, so enter the URL to which it leads", answered)
	case text != "":
		return language.Say("it answered %s %s", answered, text)
	}
	return language.Say("it answered %s", answered)
}

// ResendDelivery has a delivery that failed, or waits for its next attempt, tried at once and
// then as often as a new one.
func (d *Desk) ResendDelivery(ctx context.Context, a Actor, webhook, id int64) error {
	target := new(auditTarget)
	return d.act(ctx, a, ResendDelivery, target, func(tx *store.Tx, _ time.Time) error {
		w, err := tx.Webhook(webhook)
		if err != nil {
			return err
		}
		target.subject = w.Name
		one, err := tx.Delivery(id)
		if err != nil {
			return err
		}
		target.text = language.Data(one.Event)
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		switch {
		case one.Webhook != webhook:
			return ErrNotFound
		case one.State == store.Delivered:
			return wrong("delivery", "This event has arrived: only what has not is sent again")
		case w.Stopped != "":
			return wrong("delivery", "The webhook is stopped; switch it on first")
		}
		if one.State == store.Undone { // one that waits keeps its count
			one.Attempts, one.Since = 0, now
		}
		one.State, one.Due = store.Waiting, now
		return tx.SetDelivery(one)
	})
}

// TestWebhook sends a test, which does not wait for events.
func (d *Desk) TestWebhook(ctx context.Context, a Actor, id int64) error {
	target := new(auditTarget)
	return d.act(ctx, a, TestWebhook, target, func(tx *store.Tx, at time.Time) error {
		w, err := tx.Webhook(id)
		if err != nil {
			return err
		}
		target.subject = w.Name
		if w.Stopped != "" {
			return wrong("test", "The webhook is stopped; switch it on first")
		}
		waiting, err := tx.FirstDeliveries(id)
		if err != nil {
			return err
		}
		for _, first := range waiting {
			if first.Lane == store.LaneTest {
				return wrong("test", "A test waits already; it shows in the list of deliveries what is wrong")
			}
		}
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		return tx.AddDelivery(&store.Delivery{Webhook: id, Lane: store.LaneTest, Message: newMessageID(), Event: EventTest, At: at.UnixMilli(), Since: now.Add(testAge), Due: now})
	})
}

// testAge has a test fail with its first attempt.
const testAge = -giveUpAfter
