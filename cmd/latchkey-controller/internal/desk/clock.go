package desk

import (
	"context"
	"errors"
	"maps"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// withAdvice returns the reason why the controller's clock is in doubt with what that means, and what to do.
func withAdvice(doubt *language.Sentence) *language.Sentence {
	return language.Say("%s. Old activity is not deleted until the clock is right again, or an Owner confirms it under Settings or with latchkey-controller clock confirm", doubt)
}

// Now returns the time by which acts and pages go: that for readers, see site.Site.Time.
func (d *Desk) Now() time.Time { return d.now() }

func (d *Desk) now() time.Time { return d.site.Time(d.read()) }

// steady returns the time for measuring ages. It does not depend on changes to the
// wall clock.
func (d *Desk) steady(tx *store.Tx) (clock.Steady, error) {
	m, err := tx.Clock(d.read())
	return m.Time(), err
}

// Doubt returns why the controller's clock is in doubt, and what to do, without a
// full stop; nil: it is not.
func (d *Desk) Doubt(ctx context.Context) (*language.Sentence, error) {
	doubt, err := d.site.Doubt(ctx, d.read())
	if doubt != nil {
		doubt = withAdvice(doubt)
	}
	return doubt, err
}

// ConfirmClock records that the controller's clock is right. It does not change any
// ages. While the controller of another machine leads, whose clock counts, the error says so.
func (d *Desk) ConfirmClock(ctx context.Context, a Actor) error {
	target := &auditTarget{subject: d.site.Name}
	leader := "" // another process; "": none, or it is not known
	if !d.leadsSite() {
		c, err := d.timekeeper(ctx)
		if err != nil {
			return err
		}
		if c != nil {
			leader = c.On()
		}
	}
	err := d.act(ctx, a, ConfirmClock, target, func(tx *store.Tx, _ time.Time) error {
		read := d.read()
		m, err := tx.Clock(read)
		if err != nil {
			return err
		}
		if kept, err := tx.KeptClock(); err != nil {
			return err
		} else if leader != "" && kept.Boot != "" && kept.Boot != read.Boot {
			return &FieldError{Field: "clock", Sentence: language.Say("the clock that counts is that of the controller on %s, which leads; confirm it at its console, or with latchkey-controller clock confirm on its machine", leader)}
		}
		if target.text = m.Says(read); target.text == nil {
			target.text = language.Say("it was not in doubt")
		}
		return tx.SetClock(m.Confirmed(read))
	})
	if err != nil {
		return err
	}
	if err := d.site.FollowTime(ctx, d.read()); err != nil { // so that readers are told it from now on
		d.log.Warn("the clock is confirmed, and readers are told its time in a minute at the latest", "err", err)
	}
	return nil
}

// Maintain advances the site's time, notes the end of modes, removes visitors whose end is a day
// ago, and deletes old activity and secrets that are over, every minute, until ctx ends. It logs
// errors and retries: most likely the disk is full, which must not stop the controller. In a cell but the home cell it does
// so only while nobody leads any cell before it.
func (d *Desk) Maintain(ctx context.Context) error {
	for failed := ""; ; {
		err := d.maintain(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failed = ""
		case err.Error() != failed:
			if failed = err.Error(); store.Outage(err) != "" {
				break // it is logged elsewhere
			}
			d.log.Error("cannot update the site's time or delete what is outdated; will retry in a minute", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Minute):
		}
	}
}

// A cellsBefore is what the leaders of the cells before this one have been seen to do.
type cellsBefore struct {
	beats map[int64]store.Beat // by the cells' ids; nil: it is not known
	since time.Duration        // when they were first seen to be these, of clock.Reading.Since
}

// leaderless is how long nobody has led the cells before this one until it is for the leader of this one to maintain the site.
// Who stands by there takes their leads within seconds.
const leaderless = 3 * time.Minute

// maintains says whether it is for the leader of this cell to maintain the site. It is for one, but for a minute it may be two
// when a cell before it has a leader again: each checks what is to be done in the transaction that does it.
func (d *Desk) maintains(ctx context.Context) (bool, error) {
	if d.cell == store.HomeCell {
		return true, nil
	}
	now := d.read().Since
	beats, err := d.site.BeatsBefore(ctx, d.cell)
	if err != nil { // then they may not have been able to tell that they lead
		d.before = cellsBefore{}
		return false, err
	}
	if d.before.beats == nil || !maps.Equal(beats, d.before.beats) {
		d.before = cellsBefore{beats, now}
	}
	return now-d.before.since >= leaderless, nil
}

// maintain is one round of Maintain.
func (d *Desk) maintain(ctx context.Context) error {
	if is, err := d.maintains(ctx); err != nil || !is {
		return err
	}
	doubt, err := d.site.KeepTime(ctx, d.read())
	if err != nil {
		return err
	}
	switch {
	case doubt != nil && !d.doubted:
		d.log.Warn(withAdvice(doubt).String())
	case doubt == nil && d.doubted:
		d.log.Info("this machine's clock is no longer in doubt")
	}
	if d.doubted = doubt != nil; !d.doubted {
		if err := d.site.EndModesOver(ctx, d.now()); err != nil {
			return err
		}
		if err := d.removeVisitors(ctx); err != nil {
			return err
		}
	}
	return errors.Join(d.Prune(ctx), d.dropFormerSecrets(ctx))
}
