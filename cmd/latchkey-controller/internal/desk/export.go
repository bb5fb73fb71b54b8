package desk

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Format is a file format of an export.
type Format string

// The formats.
const (
	CSV  Format = "csv"  // RFC 4180, with a header row, UTF-8
	JSON Format = "json" // one array
)

// exportBatch is how many events one transaction reads: others may write in between.
const exportBatch = 1000

// Export writes all events that a query selects, oldest first. Fields: those of
// Activity.
func (d *Desk) Export(ctx context.Context, a Actor, q Query, format Format, w io.Writer) error {
	if format != CSV && format != JSON {
		return wrong("format", "Choose csv or json")
	}
	target := &auditTarget{user: q.User, reader: q.Reader, subject: string(format), view: true}
	if err := d.check(ctx, a, ExportActivity, target); err != nil {
		return err
	}
	err := d.site.View(ctx, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		if !r.all && q.Reader != "" && !r.hasReader(q.Reader) {
			return ErrNotFound
		}
		_, err = q.filter(tx, a, d.now()) // report errors before the first byte
		return err
	})
	if err != nil {
		return err
	}
	export := d.exportCSV
	if format == JSON {
		export = d.exportJSON
	}
	return d.actOutside(ctx, a, ExportActivity, target, func() (*language.Sentence, error) {
		n, err := export(ctx, a, q, w)
		return language.Count(n, "with %d event", "with %d events"), err
	})
}

// byteOrderMark tells spreadsheets that a file is UTF-8.
const byteOrderMark = "\ufeff"

func (d *Desk) exportCSV(ctx context.Context, a Actor, q Query, w io.Writer) (n int, err error) {
	if _, err := io.WriteString(w, byteOrderMark); err != nil {
		return 0, err
	}
	in := q.In
	if in == nil {
		in = time.UTC
	}
	out := csv.NewWriter(w)
	out.Write([]string{"id", "time", "clock-trusted", "received", "source", "kind", "result", "door", "reader", "user", "person", "administrator", "text", "journal", "number"})
	n, err = d.eachEvent(ctx, a, q, func(e *Event) error {
		cells := []string{
			strconv.FormatInt(e.ID, 10), e.At.In(in).Format(time.RFC3339Nano), strconv.FormatBool(e.Trusted), e.Received.In(in).Format(time.RFC3339Nano),
			e.Source, e.Kind, string(e.Result), e.Door, e.Reader, orEmpty(e.User), e.Person, e.Who, e.Text.String(), e.Journal, orEmpty(e.Number),
		}
		for i := range cells {
			cells[i] = Cell(cells[i])
		}
		return out.Write(cells)
	})
	if err != nil {
		return n, err
	}
	out.Flush()
	return n, out.Error()
}

func orEmpty(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

func (d *Desk) exportJSON(ctx context.Context, a Actor, q Query, w io.Writer) (n int, err error) {
	if _, err := io.WriteString(w, "["); err != nil {
		return 0, err
	}
	separator := "\n"
	n, err = d.eachEvent(ctx, a, q, func(e *Event) error {
		e.At, e.Received = e.At.UTC(), e.Received.UTC()
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, separator+string(b))
		separator = ",\n"
		return err
	})
	if err != nil {
		return n, err
	}
	_, err = io.WriteString(w, "\n]\n")
	return n, err
}

// eachEvent calls write with each event that a query selects, oldest first, and
// returns how many there were. Each batch is read in its own transaction.
func (d *Desk) eachEvent(ctx context.Context, a Actor, q Query, write func(*Event) error) (n int, err error) {
	var newest int64
	for more := true; more; {
		var batch []*Event
		err := d.site.View(ctx, func(tx *store.Tx) error {
			if newest == 0 { // leave out events that arrive during the export
				if newest, _, err = tx.Newest(); err != nil {
					return err
				}
				if q.Before == 0 {
					q.Before = newest + 1
				}
			}
			f, err := q.filter(tx, a, d.now())
			if err != nil {
				return err
			}
			f.Oldest, f.Limit = true, exportBatch
			rows, err := tx.Activity(f)
			if err != nil {
				return err
			}
			if more = len(rows) == exportBatch; more {
				q.After = rows[len(rows)-1].ID
			}
			batch, err = events(tx, rows)
			return err
		})
		if err != nil {
			return n, err
		}
		for _, e := range batch {
			if err := write(e); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// Cell escapes a text that a spreadsheet would take for a formula, even after spaces
// or quotes, and replaces control characters.
func Cell(text string) string {
	text = Clean(text)
	bare := strings.TrimLeftFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zs) || r == '\'' || r == '"'
	})
	switch first, _ := utf8.DecodeRuneInString(bare); first {
	case '=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠':
		return "'" + text
	}
	return text
}
