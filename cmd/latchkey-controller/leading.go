package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"latchkey/cmd/latchkey-controller/internal/api"
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/errand"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/mail"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/webhook"
)

// A leading is what serve has in leading a cell: it leads, or stands by. Who leads the home cell does what is the site's,
// too; while nobody does, the leader of another one maintains the site.
type leading struct {
	c             *invocation
	cell          *store.Cell
	several       bool // there were other cells when it began
	log           *slog.Logger
	listen        string              // where the controller's own broker does
	names         []string            // of this machine
	brokers       []string            // URLs of other brokers; none: the controller has its own
	own           *ownBroker          // nil: there is none, or not yet
	options       link.Options        // of each link
	homeAssistant *homeAssistantFlags // what it shows there while it leads
	live          *errand.Client      // the desk's way to the readers
	open          func() error        // opens console, API, control socket and what takes boards, once
	opened        bool
	high          *highWater
}

// run leads whenever nobody else does, until ctx ends.
func (l *leading) run(ctx context.Context) error {
	own, err := l.c.site.ControllerCertificate()
	if err != nil {
		return err
	}
	l.options = link.Options{Site: l.c.site, Cell: l.cell.ID, Brokers: l.brokers, Name: site.ControllerName, Log: l.log, Certificate: own, Readers: func(context.Context, map[string]*site.Peer) error { return nil }}
	defer func() {
		if l.own != nil {
			l.own.Close()
		}
	}()
	seen, err := l.c.site.HighWater()
	if err != nil {
		return err
	}
	l.high = &highWater{HighWater: seen, log: l.log, home: l.home()}
	for failed := ""; ; {
		lead, err := l.await(ctx)
		if err == nil {
			err = l.lead(ctx, lead)
			lead.Close()
		}
		lost, away := (*store.LostLeadError)(nil), (*store.UnavailableError)(nil)
		switch {
		case ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())):
			return nil
		case errors.As(err, &lost):
			failed = ""
		case errors.As(err, &away) && l.opened: // the database went away again while it began
			if err.Error() != failed {
				failed = err.Error()
				l.log.Error("cannot begin to lead; will retry", "err", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(beginAgain):
			}
		default:
			return err
		}
	}
}

// beginAgain is how long after it could not begin to lead a controller tries again.
const beginAgain = time.Second

// await returns the lead once this controller has it. While it stands by it notes how far the database is.
func (l *leading) await(ctx context.Context) (*store.Lead, error) {
	standing, lead := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer func() {
		lead()
		following.Wait()
		l.high.said(ctx, l.high.Note())
	}()
	l.high.leads = false
	follow := sync.OnceFunc(func() {
		following.Go(func() { l.high.keep(standing, l.c.site) })
		following.Go(func() { l.followTime(standing) })
	})
	return l.c.site.Lead(ctx, l.cell.ID, func(other *store.ServedError) error {
		follow()
		err := l.standBy(other)
		if err == nil {
			l.warnOfNamesakes(ctx)
		}
		return err
	})
}

// followTime has pages and acts go by the site's time until ctx ends.
func (l *leading) followTime(ctx context.Context) {
	for {
		site.Persist(ctx, l.log, "cannot look what the time of the site is", lookForDatabase, func() error { return l.c.site.FollowTime(ctx, clock.Read()) })
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Minute):
		}
	}
}

// standBy is called when another one leads, or works alone.
func (l *leading) standBy(other *store.ServedError) error {
	if other.Alone {
		l.log.Warn("this controller waits", "err", other)
		return nil
	}
	if len(l.brokers) == 0 {
		return fmt.Errorf("%w, or have all controllers work with brokers that each of them reaches (--broker)", other)
	}
	fmt.Fprintf(l.c.out, "%s: stands by for %s\n", l.of(), other.Name)
	return l.openOnce()
}

// of names what this controller serves: "site home", or "site home, cell north" if it has several.
func (l *leading) of() string {
	if !l.several {
		return "site " + l.c.site.Name
	}
	return fmt.Sprintf("site %s, cell %s", l.c.site.Name, l.cell.Name)
}

// warnOfNamesakes logs that machines of controllers cannot be told apart. What is not known is not said.
func (l *leading) warnOfNamesakes(ctx context.Context) {
	all, _ := l.c.site.Controllers(ctx)
	rows := make([]controllerRow, len(all))
	for i, c := range all {
		rows[i] = controllerRow{Machine: c.Name, Address: c.From}
	}
	if same := namesakes(rows); same != "" {
		l.log.Warn(same)
	}
}

func (l *leading) openOnce() error {
	err := l.open()
	l.opened = err == nil
	return err
}

// lead runs all that only the leader does, until ctx ends or the lead is lost.
func (l *leading) lead(ctx context.Context, lead *store.Lead) error {
	high := l.high
	high.leads = l.home()
	if off := lead.Off().Round(time.Second); max(off, -off) >= time.Minute {
		l.log.Error("this controller leads though its machine's clock is wrong, or the database server's is: no other one has taken the lead; correct the clock", "ahead by", off)
	}
	group, leads := errgroup.WithContext(ctx)
	var ended time.Time
	group.Go(func() error {
		defer func() { ended = time.Now() }()
		return lead.Wait(leads)
	})
	group.Go(func() error { return l.begin(leads, group, high, lead) })
	if err := group.Wait(); err != nil {
		if lost := (*store.LostLeadError)(nil); errors.As(err, &lost) {
			l.log.Warn("this controller leads no more", "err", lost.Why, "ended_in", time.Since(ended).Round(time.Millisecond)) // all that only the leader does
		}
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	high.lookAndNote(ctx)
	return nil
}

// home says whether this is the home cell.
func (l *leading) home() bool { return l.cell.ID == store.HomeCell }

// begin begins what only the leader does, in a group.
func (l *leading) begin(leads context.Context, group *errgroup.Group, high *highWater, lead *store.Lead) (err error) {
	high.lookAndNote(leads)
	if err := l.beginTime(leads, group); err != nil { // before a reader asks for it
		return fmt.Errorf("hold this machine's clock against the time of the site: %w", err)
	}
	taken := l.c.site.Now()
	group.Go(func() error {
		site.Persist(leads, l.log, "cannot note that this controller has taken over", lookForDatabase, func() error { return l.c.site.TellTakenOver(leads, taken, l.cell.ID, lead) })
		return nil
	})
	address := strings.Join(l.brokers, ", ")
	if len(l.brokers) == 0 {
		if l.own == nil { // readers stay connected to it when the lead is lost
			if l.own, err = startBroker(context.WithoutCancel(leads), l.c.site, l.listen, l.names, &l.options); err != nil {
				return err
			}
		}
		address = l.own.Addr().String()
	}
	fmt.Fprintf(l.c.out, "%s: readers come to %s\n", l.of(), address)
	l.options.Term = lead.Term()
	toReaders, err := link.New(l.options)
	if err != nil {
		return err
	}
	l.live.Lead(leads, toReaders)
	group.Go(func() error { return toReaders.Run(leads) })
	if l.own == nil {
		group.Go(func() error { l.watchBrokers(leads, toReaders, lead); return nil })
	}
	if err := l.openOnce(); err != nil {
		return err
	}
	group.Go(func() error { high.keep(leads, l.c.site); return nil })
	group.Go(func() error { return errand.Serve(leads, l.c.site, l.cell.ID, toReaders, lead.Beat, l.log) })
	if l.own != nil {
		group.Go(func() error { l.own.followBrokerClients(leads, l.c.desk, l.c.site, l.log); return nil })
	}
	group.Go(func() error { return l.c.desk.Maintain(leads) })
	if l.home() {
		return l.beginSite(leads, group)
	}
	return nil
}

// beginTime has the site's time known: it goes by this machine's clocks if this is the home cell, and desk.Maintain
// keeps it then. In another cell it is followed until the group ends; desk.Maintain keeps it while nobody leads the
// home cell.
func (l *leading) beginTime(leads context.Context, group *errgroup.Group) error {
	if l.home() {
		_, err := l.c.site.KeepTime(leads, clock.Read())
		if full := (*store.FullError)(nil); errors.As(err, &full) {
			return nil
		}
		return err
	}
	err := l.c.site.FollowTime(leads, clock.Read())
	group.Go(func() error { l.followTime(leads); return nil })
	return err
}

// A leader that reaches none of its brokers for as long as unreached leaves the lead to others, which may reach some. It looks
// each lookAtBrokers.
const unreached, lookAtBrokers = 30 * time.Second, time.Second

// watchBrokers says whether this controller can lead, by whether it reaches any broker, until ctx ends.
func (l *leading) watchBrokers(ctx context.Context, toReaders *link.Link, lead *store.Lead) {
	tick := time.NewTicker(lookAtBrokers)
	defer tick.Stop()
	for since := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		all, err := toReaders.Brokers(ctx)
		switch {
		case err != nil || slices.ContainsFunc(all, func(b link.BrokerStatus) bool { return b.Up }):
			since = time.Now()
			lead.Unfit(nil)
		case time.Since(since) >= unreached:
			lead.Unfit(&store.UnfitError{Why: fmt.Sprintf("it has reached none of the brokers (%s) for %d seconds, so another one may lead", strings.Join(l.brokers, ", "), int(unreached.Seconds()))})
		}
	}
}

// beginSite begins what only the leader of the home cell does, in a group.
func (l *leading) beginSite(leads context.Context, group *errgroup.Group) error {
	shown, err := l.homeAssistant.open(l.c, l.options.Brokers[0], l.log)
	if err != nil {
		return err
	}
	sender := webhook.New(webhook.Options{Desk: l.c.desk, Body: api.WebhookBody(l.c.site.ID), Log: l.log})
	group.Go(func() error { return mail.Run(leads, l.c.desk, l.log) })
	group.Go(func() error { return sender.Run(leads) })
	if shown != nil {
		group.Go(func() error { return shown.Run(leads) })
	}
	return nil
}

// forReaders returns the URLs at which readers find the brokers.
func (l *leading) forReaders() string {
	if l.own != nil {
		return fmt.Sprintf("ssl://:%d", l.own.Addr().(*net.TCPAddr).Port)
	}
	return strings.Join(l.brokers, " ")
}
