package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/ratelimit"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A throttle is what wrong passwords are counted by: the account, so that many
// addresses together get no further; the address, so that one cannot try all
// accounts; the session, when a password is asked for again, so that strangers cannot
// block it; or a known browser. Failures beyond the free ones each cost a wait, which
// doubles up to the longest. They are forgotten after a day without another, or with
// the right password for that account or session.
type throttle struct {
	what    string
	free    int
	longest time.Duration
}

// forAccount counts by the name as typed, which need not exist. It is hashed: it may
// be a password.
func forAccount(name string) throttle {
	return throttle{"account " + wire.Sum([]byte(store.Fold(cut(name, 4*wire.MaxName)))).String(), 5, 5 * time.Minute}
}

// forAddress counts by an IPv4 address, or by the /64 of an IPv6 address.
func forAddress(address string) throttle {
	return throttle{"address " + cut(ratelimit.Network(address), 64), 20, 15 * time.Minute}
}

// forSession counts by a session, whose token is hashed.
func forSession(token string) throttle {
	return throttle{"session " + hashToken(token).String(), 5, 5 * time.Minute}
}

// forBrowser counts by a browser in which the administrator has signed in before, so
// that strangers who know the name or share the address cannot lock them out (device
// cookies, as described by OWASP).
//
// Each administrator of a browser has a counter of their own.
func forBrowser(token string, admin int64) throttle {
	return throttle{fmt.Sprint("browser ", hashToken(token), " ", admin), 5, 5 * time.Minute}
}

// throttles returns the throttles for a sign-in, and whether the browser is known.
func (d *Desk) throttles(ctx context.Context, name string, from Client) (by []throttle, known bool, err error) {
	by = []throttle{forAccount(name), forAddress(from.Address)}
	err = d.site.View(ctx, func(tx *store.Tx) error {
		admin, err := tx.AdminNamed(name)
		if err != nil {
			return err
		}
		now, err := d.steady(tx)
		if err != nil {
			return err
		}
		browser, err := tx.Browser(hashToken(from.Browser), admin.ID)
		if err == nil && now.Sub(browser.Seen) < BrowserEnds {
			by, known = []throttle{forBrowser(from.Browser, admin.ID)}, true
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return by, known, err
}

// forgetAfter is how long a wrong password counts.
const forgetAfter = 24 * time.Hour

// charge adds a failure to each throttle. If one of them still waits it adds none and
// returns a TooSoonError as refused.
func charge(tx *store.Tx, now clock.Steady, throttles []throttle) (refused, err error) {
	rows := make([]*store.Throttle, len(throttles))
	var wait time.Duration
	for i, t := range throttles {
		if rows[i], err = tx.Throttle(t.what); err != nil {
			return nil, err
		}
		if rows[i].Until.Sub(now) > t.longest { // of a time that never came: a clock was ahead
			rows[i].Last, rows[i].Until = now, now.Add(t.longest)
			if err := tx.SetThrottle(rows[i]); err != nil {
				return nil, err
			}
		}
		wait = max(wait, rows[i].Until.Sub(now))
	}
	if wait > 0 {
		return &TooSoonError{wait}, nil
	}
	for i, t := range throttles {
		row := rows[i]
		if now.Sub(row.Last) >= forgetAfter {
			row.Failures = 0
		}
		row.Failures++
		row.Last, row.Until = now, 0
		if over := row.Failures - t.free; over >= 0 {
			row.Until = now.Add(min(t.longest, time.Second<<min(over, 12)))
		}
		if err := tx.SetThrottle(row); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// refund undoes charge after the right password. The first throttle, the account,
// session or browser, starts over; the address only gets this failure back: otherwise
// somebody with an account could try all others from there.
func refund(tx *store.Tx, throttles []throttle) error {
	for i, t := range throttles {
		row, err := tx.Throttle(t.what)
		if err != nil {
			return err
		}
		row.Until = 0
		if row.Failures--; i == 0 {
			row.Failures = 0
		}
		if err := tx.SetThrottle(row); err != nil {
			return err
		}
	}
	return nil
}
