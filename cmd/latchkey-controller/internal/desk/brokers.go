package desk

import (
	"context"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// EmbeddedFor is how many readers the embedded broker is meant for. Each connection takes about
// 40 KiB of the controller's memory, and its process is the one that stores, signs and shows
// everything: at 500 that is 20 MiB, and a start or a change that reaches all of them at once
// still leaves a small machine room. Mosquitto, a process of its own, takes less.
const EmbeddedFor = 500

// EmbeddedTooSmall says that a site has outgrown the embedded broker, and what to do.
func EmbeddedTooSmall(readers int) *language.Sentence {
	return language.Say("the controller's own broker is meant for up to %d readers, and the site has %d: set up a Mosquitto with latchkey-controller broker-config, and start the controller with --broker", EmbeddedFor, readers)
}

// A BrokerStatus is how the controller's connection to a broker is.
type BrokerStatus = link.BrokerStatus

// Brokers are the brokers of a site.
type Brokers struct {
	Connected []BrokerStatus     // those of the controllers that lead; none if none runs in this process
	Unheard   Unheard            // cells whose connections are not known now
	Embedded  bool               // the connection of the home cell is to the controller's own broker
	Here      []string           // names and addresses of the machine whose controller leads the home cell
	HereOf    map[int64][]string // and of those that lead other cells
	Cells     []CellName         // of the site, the home cell first
	Readers   []ReaderBrokers
	Revision  string // for a form that changes those of readers
	TooOld    int    // readers that keep to their bundle's first one until they are updated
}

// ReaderBrokers are the brokers that a reader is told of.
type ReaderBrokers struct {
	Reader string
	Cell   int64
	Policy []string // in order, in place of the bundle's; none: the bundle's
	Bundle []string
	At     string // the controller's connection over which it was heard last, if it is online; "": none
}

// Wanted returns the brokers to which the reader goes, in order.
func (r *ReaderBrokers) Wanted() []string {
	return (&store.CellReader{Bundle: r.Bundle, Policy: r.Policy}).Wanted()
}

// Differ says whether not all readers go to the same brokers.
func (b *Brokers) Differ() bool {
	return slices.ContainsFunc(b.Readers, func(r ReaderBrokers) bool { return !slices.Equal(r.Wanted(), b.Readers[0].Wanted()) })
}

// Common returns the brokers of all readers; nil: they differ, or there are none.
func (b *Brokers) Common() []string {
	if len(b.Readers) == 0 || b.Differ() {
		return nil
	}
	return b.Readers[0].Wanted()
}

// Brokers returns the brokers of the site.
func (d *Desk) Brokers(ctx context.Context, a Actor) (b *Brokers, err error) {
	err = d.view(ctx, a, SetBrokers, func(tx *store.Tx) error {
		b, err = readersBrokers(tx)
		return err
	})
	if err != nil || d.live == nil {
		return b, err
	}
	if b.Connected, err = d.connected(ctx); err != nil {
		if b.Unheard, err = d.unheard(err); err != nil {
			return nil, err
		}
	}
	if err := d.ofLeaders(ctx, b); err != nil || len(b.Connected) == 0 {
		return b, err
	}
	live, err := d.live.Readers(ctx)
	if _, err = d.unheard(err); err != nil {
		return nil, err
	}
	at := map[string]string{}
	for _, r := range live {
		if r.Online {
			at[r.ID] = r.Broker
		}
	}
	for i := range b.Readers {
		b.Readers[i].At = at[b.Readers[i].Reader]
	}
	return b, nil
}

func readersBrokers(tx *store.Tx) (*Brokers, error) {
	b := new(Brokers)
	readers, err := tx.CellBrokers()
	if err != nil {
		return nil, err
	}
	if b.Cells, err = cellNames(tx); err != nil {
		return nil, err
	}
	var all []string
	for _, is := range readers {
		r := ReaderBrokers{Reader: is.ID, Cell: is.Cell, Policy: is.Policy, Bundle: is.Bundle}
		if is.Level != store.LevelUnknown && is.Level < wire.LevelBrokers {
			b.TooOld++
		}
		b.Readers = append(b.Readers, r)
		all = append(all, r.Reader+" "+strings.Join(r.Policy, " "))
	}
	b.Revision = revision(strings.Join(all, "\n"))
	return b, nil
}

// A BrokersForm says to which brokers readers are to go.
type BrokersForm struct {
	Reader   string   // whose; "": all readers'
	Brokers  string   // URLs, in order, with white space between
	Bundle   bool     // those of each reader's bundle, and not Brokers
	Anyway   bool     // although the controller is not connected to one of them
	Revision string   // of Brokers that were shown; "": do not check
	Running  *Brokers // of the controller, if that is another process; nil: it is this one, or none runs
}

// SetBrokers has the policy of a reader, or of all, name brokers, and returns how many readers
// that changes. A reader goes to the first one when it has heard the controller there. Where cells name
// the brokers of their readers, those of all are set with EditCell, and a reader comes to those of another
// cell with MoveReaders. Fields: "brokers", "reader", "anyway".
func (d *Desk) SetBrokers(ctx context.Context, a Actor, form BrokersForm) (changed int, err error) {
	target := &auditTarget{reader: form.Reader, subject: form.Reader}
	if form.Reader == "" {
		target.subject = allReaders
	}
	if err := d.check(ctx, a, SetBrokers, target); err != nil { // before the controller that leads is asked
		return 0, err
	}
	running := form.Running
	var unknown error // why some connections are not known
	if running == nil {
		running = new(Brokers)
		if running.Connected, unknown = d.connected(ctx); unknown != nil {
			if running.Unheard, err = d.unheard(unknown); err != nil {
				running.Unheard.All = true
			}
		}
		if err := d.ofLeaders(ctx, running); err != nil {
			return 0, err
		}
	}
	err = d.act(ctx, a, SetBrokers, target, func(tx *store.Tx, now time.Time) error {
		brokers, err := form.parse()
		if err != nil {
			return wrongField("brokers", err)
		}
		before, err := readersBrokers(tx)
		if err != nil {
			return err
		}
		if form.Revision != "" && form.Revision != before.Revision {
			return changedMeanwhile("brokers")
		}
		if form.Reader != "" && !slices.ContainsFunc(before.Readers, func(r ReaderBrokers) bool { return r.Reader == form.Reader }) {
			return wrong("reader", "There is no reader %s: choose one of those that are adopted", language.Quoted(form.Reader, wire.MaxName))
		}
		if err := form.keepToCells(tx, before, brokers); err != nil {
			return err
		}
		before.RunningAs(running)
		var unheard *language.Sentence
		for _, cell := range before.cellsOf(form.Reader) {
			if unknown != nil && running.Unheard.Has(cell) {
				return unknown
			}
			if urls := before.notHeard(cell, brokers); len(urls) > 0 {
				says := before.notHeardText(cell, urls).Capital()
				if unheard != nil {
					says = language.Say("%s. %s", unheard, says)
				}
				unheard = says
			}
		}
		if unheard != nil && !form.Anyway {
			return wrongField("anyway", unheard)
		}
		var readers []string
		for _, r := range before.Readers {
			if (form.Reader == "" || r.Reader == form.Reader) && !slices.Equal(r.Policy, brokers) {
				readers = append(readers, r.Reader)
			}
		}
		if err := site.SetBrokers(tx, now, readers, brokers); err != nil {
			return err
		}
		changed = len(readers)
		target.same = changed == 0
		target.text = language.Say("to %s¦brokers", inTurn(brokers))
		if len(brokers) == 0 {
			target.text = language.Say("to those of the bundles¦brokers")
		}
		return nil
	})
	return changed, err
}

// RunningAs takes over what another one says of the controllers that lead, and their connections.
func (b *Brokers) RunningAs(other *Brokers) {
	b.Connected, b.Unheard, b.Embedded, b.Here, b.HereOf = other.Connected, other.Unheard, other.Embedded, other.Here, other.HereOf
}

// cellsOf returns the cell of a reader, or those of all readers.
func (b *Brokers) cellsOf(reader string) (cells []int64) {
	for _, r := range b.Readers {
		if (reader == "" || r.Reader == reader) && !slices.Contains(cells, r.Cell) {
			cells = append(cells, r.Cell)
		}
	}
	return cells
}

// keepToCells refuses brokers for all readers where their cells name them, and such of another cell for one.
func (f *BrokersForm) keepToCells(tx *store.Tx, before *Brokers, brokers []string) error {
	cells, err := tx.Cells()
	if err != nil {
		return err
	}
	if f.Reader == "" {
		for _, c := range cells {
			if len(c.Brokers) > 0 {
				return wrong("reader", "The cell %s names the brokers of its readers: change those of the cell (latchkey-controller cell edit %[1]s), or choose one reader", c.Name)
			}
		}
		return nil
	}
	of, err := tx.CellOf(f.Reader)
	if err != nil {
		return err
	}
	if f.Bundle {
		i := slices.IndexFunc(before.Readers, func(r ReaderBrokers) bool { return r.Reader == f.Reader })
		brokers = before.Readers[i].Bundle
	}
	c := cellWithID(cells, of.Cell)
	if c == nil {
		return errNoCell()
	}
	err = refuseForReader(tx, "brokers", cells, c, f.Reader, brokers)
	if says := Fields(err)["brokers"]; says != nil {
		return wrong("brokers", "%s. To have %s go there, move it to that cell", says, f.Reader)
	}
	return err
}

// parse returns the brokers that a form names; none: those of each reader's bundle.
func (f *BrokersForm) parse() (brokers []string, err error) {
	if brokers, err = parseBrokers(f.Brokers); err != nil {
		return nil, err
	}
	switch given := len(brokers) > 0; {
	case given && f.Bundle:
		return nil, language.Say("either name brokers, or go back to those of the bundles")
	case !given && !f.Bundle:
		return nil, language.Say("name at least one broker, or go back to those of the bundles")
	}
	return brokers, nil
}

// parseBrokers reads the URLs of brokers with white space between. Each gets its port.
func parseBrokers(text string) (brokers []string, err error) {
	for _, url := range strings.Fields(text) {
		if len(brokers) == wire.MaxBrokers {
			return nil, language.Say("more than %d brokers: name those that readers are to try", wire.MaxBrokers)
		}
		if err := wire.CheckBroker(url); err != nil {
			return nil, err
		}
		if strings.HasPrefix(strings.ToLower(url), "mqtt:") {
			return nil, language.Say("broker %s: mqtt:// is without TLS; write ssl://host:port, or tcp://127.0.0.1:port for one without TLS on the reader itself", language.Quoted(url, 80))
		}
		b, _ := wire.ParseBroker(url)
		brokers = append(brokers, b.String())
	}
	return brokers, wire.CheckBrokers(brokers)
}
