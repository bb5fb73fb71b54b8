package pn532

import (
	"context"
	"time"

	"latchkey/nfc"
)

// Times of a search.
const (
	// restartAfter is how long the chip searches until the driver makes sure that it still
	// does: a chip that was reset waits for ever.
	restartAfter = 700 * time.Millisecond

	// searchStep is from one reading of the status to the next without an interrupt line.
	searchStep = 120 * time.Millisecond

	// firstStep is from the beginning of a search to the first reading, which finds a card that
	// is there.
	firstStep = 20 * time.Millisecond

	mostFalseCalls = 50 // interrupts in a row without a frame until the line is ignored

	earlySteps = 5 // readings pollStep apart after an interrupt that came before its frame

	fieldRest = 5 * time.Millisecond // without a field until a card has forgotten everything
)

// searchCommand is InListPassiveTarget: one card, 106 kbit/s, type A. Without a card it has no
// answer, because RFConfiguration has set endless retries.
func searchCommand() command {
	const maxTg, typeA = 1, 0
	return command{
		body:  []byte{cmdInListPassiveTarget, maxTg, typeA},
		room:  maxBody - 1, // so that an ATS that is too long is no broken frame
		limit: answerWait,  // once it was ready
	}
}

// search waits until the chip has found a card, or until a time; the chip then goes on. It
// returns [ErrTarget] for an answer that no card gives.
func (d *Dev) search(ctx context.Context, until time.Time, t *nfc.Target) (bool, error) {
	list := searchCommand()
	step := searchStep
	if d.searching.IsZero() {
		step = firstStep
	}
	for {
		if d.searching.IsZero() {
			if err := d.sendCommand(ctx, list.body); err != nil {
				return false, err
			}
			d.searching = time.Now()
		}
		end := d.searching.Add(restartAfter)
		if until.Before(end) {
			end = until
		}
		switch ok, err := d.awaitCard(ctx, step, end); {
		case err != nil:
			return false, err
		case ok:
			d.searching = time.Time{}
			defer clear(d.rxBuf[:]) // holds the UID, even if the answer was garbled
			r, err := d.receive(ctx, list)
			if err != nil {
				return false, err
			}
			return parseTarget(r, t)
		case time.Since(d.searching) >= restartAfter:
			// The field goes off because a card that was being selected right now would
			// not answer the next search.
			if err := d.fieldOff(ctx); err != nil {
				return false, err
			}
		}
		if !time.Now().Before(until) {
			return false, nil
		}
		step = searchStep
	}
}

// awaitCard waits until a search has an answer; it returns false at the end of its time. Without
// an interrupt it reads the status after step first.
func (d *Dev) awaitCard(ctx context.Context, step time.Duration, end time.Time) (bool, error) {
	for early := 0; ; step = searchStep {
		if d.heard {
			step = restartAfter
		}
		if early > 0 {
			step, early = pollStep, early-1
		}
		woken, err := d.sleep(ctx, min(step, time.Until(end)))
		if err != nil {
			return false, err
		}
		ok, err := d.status()
		d.judgeCall(woken, ok)
		if err != nil || ok {
			d.heard = woken
			return ok, err
		}
		if !time.Now().Before(end) {
			return false, nil
		}
		if woken {
			early = earlySteps
		}
	}
}

// fieldOff switches the field off for long enough that cards start anew. It ends a search.
func (d *Dev) fieldOff(ctx context.Context) error {
	const off = 0
	d.searching, d.selected = time.Time{}, false
	begin := time.Now()
	_, err := d.exchange(ctx, command{
		body: []byte{cmdRFConfiguration, rfField, off},
		room: 1, first: fieldRest + time.Millisecond, limit: answerWait,
	})
	if err != nil {
		return err
	}
	return wait(ctx, fieldRest+2*time.Millisecond-time.Since(begin))
}
