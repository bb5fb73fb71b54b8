package desk

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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
		return wrong("format", "An export is csv or json")
	}
	target := &auditTarget{user: q.User, reader: q.Reader, subject: string(format)}
	if err := d.check(ctx, a, ExportActivity, target); err != nil {
		return err
	}
	err := d.site.View(ctx, func(tx *store.Tx) error {
		_, err := q.filter(tx, a, d.now()) // report errors before the first byte
		return err
	})
	if err != nil {
		return err
	}
	return d.actOutside(ctx, a, ExportActivity, target, func() (string, error) {
		out := exporter(&csvExport{to: w, w: csv.NewWriter(w)})
		if format == JSON {
			out = &jsonExport{w: w}
		}
		n, err := d.export(ctx, a, q, out)
		return "with " + eventsText(n), err
	})
}

func eventsText(n int) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

// export writes events in batches, each read in its own transaction.
func (d *Desk) export(ctx context.Context, a Actor, q Query, out exporter) (n int, err error) {
	if err := out.begin(); err != nil {
		return 0, err
	}
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
			if err := out.event(e); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, out.end()
}

type exporter interface {
	begin() error
	event(*Event) error
	end() error
}

type csvExport struct {
	to io.Writer
	w  *csv.Writer
}

// byteOrderMark tells spreadsheets that a file is UTF-8.
const byteOrderMark = "\ufeff"

func (e *csvExport) begin() error {
	if _, err := io.WriteString(e.to, byteOrderMark); err != nil {
		return err
	}
	return e.row("id", "time", "clock-trusted", "received", "source", "kind", "result", "door", "reader", "user", "person", "administrator", "text", "journal", "number")
}

func (e *csvExport) event(x *Event) error {
	return e.row(
		strconv.FormatInt(x.ID, 10), x.At.UTC().Format(time.RFC3339Nano), strconv.FormatBool(x.Trusted), x.Received.UTC().Format(time.RFC3339Nano),
		x.Source, x.Kind, string(x.Result), x.Door, x.Reader, orEmpty(x.User), x.Person, x.Who, x.Text.String(), x.Journal, orEmpty(x.Number),
	)
}

// row writes cells, escaped so that none is taken for a formula.
func (e *csvExport) row(cells ...string) error {
	for i := range cells {
		cells[i] = Cell(cells[i])
	}
	return e.w.Write(cells)
}

func (e *csvExport) end() error {
	e.w.Flush()
	return e.w.Error()
}

func orEmpty(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
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

type jsonExport struct {
	w     io.Writer
	began bool
}

// A jsonEvent is an event in a JSON export.
type jsonEvent struct {
	ID       int64     `json:"id"`
	Time     time.Time `json:"time"`
	Trusted  bool      `json:"clock-trusted"`
	Received time.Time `json:"received"`
	Source   string    `json:"source"`
	Kind     string    `json:"kind"`
	Result   Result    `json:"result"`
	Door     string    `json:"door,omitempty"`
	Reader   string    `json:"reader,omitempty"`
	User     uint64    `json:"user,omitempty"`
	Person   string    `json:"person,omitempty"`
	Who      string    `json:"administrator,omitempty"`
	Text     string    `json:"text"`
	Journal  string    `json:"journal,omitempty"`
	Number   uint64    `json:"number,omitempty"`
}

func (e *jsonExport) begin() error {
	_, err := io.WriteString(e.w, "[")
	return err
}

func (e *jsonExport) event(x *Event) error {
	b, err := json.Marshal(jsonEvent{
		x.ID, x.At.UTC(), x.Trusted, x.Received.UTC(), x.Source, x.Kind, x.Result, x.Door, x.Reader, x.User, x.Person, x.Who, x.Text.String(), x.Journal, x.Number,
	})
	if err != nil {
		return err
	}
	comma := ",\n"
	if !e.began {
		comma, e.began = "\n", true
	}
	_, err = io.WriteString(e.w, comma+string(b))
	return err
}

func (e *jsonExport) end() error {
	_, err := io.WriteString(e.w, "\n]\n")
	return err
}
