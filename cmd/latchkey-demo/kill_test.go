package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the controller's database

	"latchkey/device/journal"
	"latchkey/sync/wire"
)

// seed chooses who is killed when, and what people do meanwhile.
const seed = 3

// kills is how many times a program is killed: make torture kills more.
var kills = flag.Int("kills", 51, "how many `times` a program is killed")

// TestNothingIsLostWhoeverIsKilled kills reader, broker and controller with
// SIGKILL while people come to the door and others are given cards.
func TestNothingIsLostWhoeverIsKilled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	h.start(theBroker, theController, theReader)
	h.inStep()
	people := h.people(rand.New(rand.NewPCG(seed, 1)))
	random := rand.New(rand.NewPCG(seed, 2))
	names := []string{theReader, theBroker, theController}
	between := func(low, high int) {
		time.Sleep(time.Duration(low+random.IntN(high-low)) * time.Millisecond)
	}
	for n := range *kills {
		if n%len(names) == 0 {
			random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		}
		name := names[n%len(names)]
		between(50, 900)
		h.kill(name)
		if random.IntN(3) == 0 { // the others go on without it for a moment
			between(0, 400)
		}
		h.start(name)
		if n%10 == 9 {
			h.do(nil, "user", "add", "--name", fmt.Sprintf("Guest %d", n), "--card", fmt.Sprintf("04000000%06x", n))
		}
		if n%25 == 24 {
			h.do(nil, "site", "rekey")
		}
	}
	opened, errs := people.leave()
	t.Logf("the strike was seen %d times, %d times somebody was at a reader that had just been killed", opened, errs)

	var added struct{ PIN string }
	h.do(&added, "user", "add", "--name", "Grace Hopper", "--pin", "auto")
	h.inStep()
	h.sameLog()
	h.eventually("a card ends what wrong PINs have led to, and the last PIN opens", func() bool {
		return h.showCard(h.known.UID) == nil && h.gone() && h.typePIN(added.PIN) == nil && h.strikes()
	})
	grants := h.oneOfEach()
	if grants < 5 || opened < 5 {
		t.Errorf("%d grants on record, the strike seen %d times: too few to tell anything", grants, opened)
	}
}

// visitors are people who come to the door until they leave.
type visitors struct {
	stop   atomic.Bool
	done   chan struct{}
	opened int // times the strike was seen
	errs   int // times the reader was not there
}

// people lets people come to the door.
func (h *house) people(random *rand.Rand) *visitors {
	v := &visitors{done: make(chan struct{})}
	go func() {
		defer close(v.done)
		for !v.stop.Load() {
			var err error
			switch random.IntN(5) {
			case 0:
				err = h.call("PUT", "/api/lines/exit-button", map[string]bool{"active": true}, nil)
				time.Sleep(200 * time.Millisecond)
				err = errors.Join(err, h.call("PUT", "/api/lines/exit-button", map[string]bool{"active": false}, nil))
			case 1, 2:
				err = h.showCard(h.known.UID)
			default:
				err = h.typePIN(h.known.PIN)
			}
			time.Sleep(300 * time.Millisecond)
			if on, lineErr := h.line("strike"); lineErr == nil && on {
				v.opened++
			}
			if err != nil && !errors.Is(err, errNotOffered) {
				v.errs++
				time.Sleep(100 * time.Millisecond)
			}
		}
	}()
	return v
}

// leave waits until nobody is at the door.
func (v *visitors) leave() (opened, errs int) {
	v.stop.Store(true)
	<-v.done
	return v.opened, v.errs
}

// gone waits until the strike is off.
func (h *house) gone() bool { return h.becomes(false) }

// strikes waits for the strike, a moment.
func (h *house) strikes() bool { return h.becomes(true) }

func (h *house) becomes(strike bool) bool {
	for range 400 {
		if on, err := h.line("strike"); err == nil && on == strike {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// sameLog checks that reader and controller name the same position in the log.
// inStep compares the log's hash too.
func (h *house) sameLog() {
	h.t.Helper()
	var there, here position
	h.do(&there, "check")
	printed, err := exec.Command(filepath.Join(h.d.bin, "latchkeyd"), "status", "--json", "--config", h.d.path("reader", "latchkeyd.toml")).Output()
	if err == nil {
		err = json.Unmarshal(printed, &here)
	}
	if err != nil || here != there || here.Revision == 0 {
		h.t.Errorf("the reader holds %+v, the controller %+v: %v", here, there, err)
	}
}

// oneOfEach ends the reader's life and checks that the controller has each of
// its records once, in an unbroken chain, and all that the reader still has. It
// returns how many grants there are.
func (h *house) oneOfEach() (grants int) {
	h.t.Helper()
	h.inStep() // records go the same way
	h.eventually("all records have come", h.quiet)
	h.kill(theReader)
	events := journal.Open(journal.Options{Dir: h.d.path("reader", "data", "journal"), State: fold{}})
	defer events.Close()
	if began := events.Began(); began != "" {
		h.t.Errorf("the reader's journal is not whole: %s", began)
	}
	dsn := url.URL{Scheme: "file", Path: h.d.path("site", "site.db"), RawQuery: "mode=ro"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(h.t.Context(), `SELECT journal, number, hash, record FROM records ORDER BY number, id`)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	stored := map[uint64]wire.Hash{}
	var last wire.Hash
	next := uint64(1)
	for ; rows.Next(); next++ {
		var id, hash, encoded []byte
		var number uint64
		if err := rows.Scan(&id, &number, &hash, &encoded); err != nil {
			h.t.Fatal(err)
		}
		record, err := wire.ParseRecord(encoded)
		switch {
		case err != nil:
			h.t.Fatal(err)
		case wire.JournalID(id) != events.ID():
			h.t.Fatalf("record %d is of another journal", number)
		case number != next || record.Number != next:
			h.t.Fatalf("record %d stands where %d should", number, next)
		case record.Before != last || wire.Hash(hash) != wire.Sum(encoded):
			h.t.Fatalf("the chain breaks at record %d", number)
		}
		last = wire.Hash(hash)
		stored[number] = last
		if record.Kind == wire.AccessGranted {
			grants++
		}
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	for entry, err := range events.Records(1) {
		if err != nil {
			h.t.Fatal(err)
		}
		if stored[entry.Number] != entry.Hash {
			h.t.Errorf("the controller lacks record %d", entry.Number)
		}
	}
	if at, hash := events.Last(); at != next-1 || hash != last {
		h.t.Errorf("the reader has %d records, the controller %d", at, next-1)
	}
	var alarms int
	if err := db.QueryRowContext(h.t.Context(), `SELECT count(*) FROM alarms`).Scan(&alarms); err != nil || alarms > 0 {
		h.t.Errorf("%d alarms: %v", alarms, err)
	}
	h.t.Logf("%d records, %d of them grants", len(stored), grants)
	return grants
}

// quiet says whether a second passes in which no record comes.
func (h *house) quiet() bool {
	count := func() int {
		printed, err := exec.Command(filepath.Join(h.d.bin, "latchkey-controller"), "records", "--json", "--dir", h.d.path("site")).Output()
		if err != nil {
			h.t.Fatal(err)
		}
		n := 0
		for _, c := range printed {
			if c == '\n' {
				n++
			}
		}
		return n
	}
	before := count()
	time.Sleep(time.Second)
	return count() == before
}

// fold is the state of a reader that nobody asks for.
type fold struct{}

func (fold) Apply(wire.Record) {}
func (fold) Encode() []byte    { return []byte{0} }
