package desk

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A throttle is what wrong passwords are counted by: an account, so that many
// addresses together get no further, and an address, so that one of them does
// not go through all accounts; or, of a password that is asked for again, a
// session, so that strangers at the sign-in keep nobody from it; or a browser
// that is known. Beyond the free ones each costs a wait, which
// doubles up to the longest. A failure is forgotten after a day without
// another, or by the right password for that account or in that session.
type throttle struct {
	what    string
	free    int
	longest time.Duration
}

// forAccount counts by what was typed as a name, whether there is one or not.
// It is kept as a hash: it may have been a password.
func forAccount(name string) throttle {
	return throttle{"account " + wire.Sum([]byte(store.Fold(cut(name, 4*wire.MaxName)))).String(), 5, 5 * time.Minute}
}

// forAddress counts by an address, of IPv6 by its first 64 bits, which one
// customer has.
func forAddress(address string) throttle {
	if ip, err := netip.ParseAddr(address); err == nil {
		ip = ip.Unmap().WithZone("")
		address = ip.String()
		if prefix, err := ip.Prefix(64); err == nil && ip.Is6() {
			address = prefix.String()
		}
	}
	return throttle{"address " + cut(address, 64), 20, 15 * time.Minute}
}

// forSession counts by a session, of which the token is kept as a hash.
func forSession(token string) throttle {
	return throttle{"session " + hashToken(token).String(), 5, 5 * time.Minute}
}

// forBrowser counts by a browser in which the administrator has signed in
// before: strangers who know the name, or are behind the same address, keep
// nobody out of it (device cookies, as OWASP describes them).
//
// Each administrator of a browser has a counter: one's right password gives no
// other's back.
func forBrowser(token string, admin int64) throttle {
	return throttle{fmt.Sprint("browser ", hashToken(token), " ", admin), 5, 5 * time.Minute}
}

// throttles returns what wrong passwords for a name are counted by, and whether
// the browser is known.
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

// forgetAfter is how long a wrong password is remembered.
const forgetAfter = 24 * time.Hour

// charge counts a failure to each throttle; refused says that none was counted,
// because one of them still waits.
func charge(tx *store.Tx, now clock.Steady, throttles []throttle) (refused, err error) {
	rows := make([]*store.Throttle, len(throttles))
	var wait time.Duration
	for i, t := range throttles {
		if rows[i], err = tx.Throttle(t.what); err != nil {
			return nil, err
		}
		wait = max(wait, min(rows[i].Until.Sub(now), t.longest))
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

// giveBack undoes charge after the right password. What is counted first, the
// account or the session, begins anew;
// the address only gets this one back, or whoever has an account could try all
// others from there.
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
