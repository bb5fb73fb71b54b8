package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A waitingRow is a board that has handed itself over by the network, as JSON.
type waitingRow struct {
	Number      int64      `json:"number"`
	Fingerprint string     `json:"fingerprint"`
	Named       string     `json:"named"`    // the id in its config, as it said first; "": none
	Disputed    bool       `json:"disputed"` // its request came under another id, too
	Address     string     `json:"address"`
	First       time.Time  `json:"first"`
	Heard       time.Time  `json:"heard"` // to the minute
	Reader      string     `json:"reader"`
	Fetched     *time.Time `json:"fetched"`      // null: not yet
	Fetcher     string     `json:"fetched_from"` // an address
	Twin        bool       `json:"twin"`
	TPM         bool       `json:"tpm"`
	Was         string     `json:"was"`  // the reader that its board was and is not any more; "": none
	Lost        bool       `json:"lost"` // that was removed as lost
	Problem     string     `json:"problem"`
}

func readerWaiting(c *invocation) action {
	c.details = "Compare the fingerprint with the one on the reader's screen, and adopt the reader with reader add --waiting.\nReaders find a controller by DNS-SD, or as their config says; serve --adoption is where it takes them."
	return func(ctx context.Context, _ []string) error {
		waiting, err := c.desk.WaitingReaders(ctx, c.actor)
		if err != nil {
			return err
		}
		in, err := c.desk.Zone(ctx)
		if err != nil {
			return err
		}
		rows, lines := []waitingRow{}, []string{}
		for _, w := range waiting {
			row := waitingRow{Number: w.ID, Fingerprint: w.Fingerprint, Named: w.Named, Disputed: w.Disputed, Address: w.Address, First: w.First.In(in), Heard: w.Heard.In(in), Reader: w.Adopted, Fetcher: w.Fetcher, Twin: w.Twin, TPM: w.TPM, Problem: w.Problem.String()}
			if w.Was != nil {
				row.Was, row.Lost = w.Was.ID, w.Was.Lost
			}
			if !w.Fetched.IsZero() {
				at := w.Fetched.In(in)
				row.Fetched = &at
			}
			rows = append(rows, row)
			lines = append(lines, strings.Join([]string{w.Fingerprint, orDash(w.Named), w.Address, shortTime(w.Heard, in), waitsFor(w)}, "\t"))
		}
		return c.printTable(rows, "no reader waits; a new one appears here within seconds, if it finds this controller", fmt.Sprintf("FINGERPRINT\tCALLS ITSELF\tADDRESS\tHEARD (%s)\tIS\n", in), lines)
	}
}

// waitsFor says what a board waits for.
func waitsFor(w *desk.WaitingReader) string {
	switch {
	case w.Adopted != "" && !w.Fetched.IsZero():
		return w.Adopted + ", whose bundle was fetched, from " + w.Fetcher + "; it has not connected yet"
	case w.Adopted != "":
		return w.Adopted + ", whose bundle was not fetched yet"
	case w.Problem != nil:
		return "cannot be adopted: " + w.Problem.String()
	case w.Was != nil && w.Was.Lost:
		return "waits; its board was the reader " + w.Was.ID + ", which was removed as lost, so find out how it came back"
	case w.Disputed:
		return "waits; its request came under different ids, so say with --reader which one is in its config"
	case w.Twin:
		return "waits; another one goes by this name, so compare the fingerprint carefully"
	case w.Reader != "":
		return "waits; its board is the reader " + w.Reader + " now"
	}
	return "waits"
}

// adoptWaiting adopts the board with a fingerprint that waits.
func adoptWaiting(ctx context.Context, c *invocation, form desk.AdoptForm, fingerprint string) (*site.Adoption, error) {
	waiting, err := c.desk.WaitingReaders(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	plain := func(text string) string { return strings.ToUpper(strings.Join(strings.Fields(text), "")) }
	for _, w := range waiting {
		if plain(w.Fingerprint) == plain(fingerprint) && w.Adopted == "" {
			form.Fingerprint = w.Fingerprint
			adoption, err := c.desk.AdoptWaiting(ctx, c.actor, w.ID, form)
			if err != nil {
				return nil, err
			}
			return adoption, warnNoBroker(ctx, c, adoption.Reader)
		}
	}
	return nil, fmt.Errorf("no reader with the fingerprint %.60s waits; latchkey-controller reader waiting shows those that do", fingerprint)
}

// warnNoBroker says that a reader which has fetched its bundle will not be heard, if that names no broker.
func warnNoBroker(ctx context.Context, c *invocation, reader string) error {
	var brokers []string
	err := c.site.View(ctx, func(tx *store.Tx) (err error) { brokers, err = tx.BrokersOf(reader); return err })
	if err == nil && len(brokers) == 0 {
		fmt.Fprintf(c.err, "%s is told of no broker, so it works by what is in its bundle and hears of no change: adopt it with --broker URL, or name the brokers of its cell with cell edit\n", reader)
	}
	return err
}
