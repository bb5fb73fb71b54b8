package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// brokers returns brokers that no reader has yet.
func (w *world) brokers() string {
	w.n++
	return fmt.Sprintf("ssl://broker-%d.example ssl://192.0.2.7", w.n)
}

// policyOf returns a reader's policy.
func (w *world) policyOf(id string) (p *wire.Policy) {
	w.t.Helper()
	w.must(w.site.View(context.Background(), func(tx *store.Tx) (err error) {
		p, err = site.Policy(tx, id)
		return err
	}))
	return p
}

func TestBrokersAreSetForOneReaderOrForAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front, gate := w.reader(), w.reader()
	shown, err := w.Brokers(t.Context(), as(Owner))
	w.must(err)
	all := len(shown.Readers)
	set := func(form BrokersForm, changed int, says string) {
		t.Helper()
		before := w.newest()
		n, err := w.SetBrokers(t.Context(), as(Owner), form)
		w.must(err)
		if n != changed {
			t.Errorf("%+v changes %d readers, not %d", form, n, changed)
		}
		e := w.newest()
		if changed == 0 && e.ID != before.ID {
			t.Errorf("nothing is changed, and the audit says %s", e.Text)
		}
		if changed > 0 && !strings.Contains(e.Text.String(), says) {
			t.Errorf("the audit says %q, not %q", e.Text, says)
		}
	}
	two := "ssl://a.example\tssl://192.0.2.7:8884"
	set(BrokersForm{Reader: front, Brokers: two, Revision: shown.Revision}, 1, "to ssl://a.example:8883, then ssl://192.0.2.7:8884")
	if got := w.policyOf(front).Brokers; !slices.Equal(got, []string{"ssl://a.example:8883", "ssl://192.0.2.7:8884"}) {
		t.Errorf("%q", got)
	}
	if got := w.policyOf(gate).Brokers; got != nil {
		t.Errorf("another reader goes to %q", got)
	}
	_, err = w.SetBrokers(t.Context(), as(Owner), BrokersForm{Brokers: "ssl://b.example", Revision: shown.Revision})
	if !errors.Is(err, ErrChanged) {
		t.Errorf("what was changed meanwhile is changed: %v", err)
	}
	set(BrokersForm{Brokers: two}, all-1, "changed the brokers of all readers")
	set(BrokersForm{Brokers: two}, 0, "")
	_, err = w.SetPolicy(t.Context(), as(Super), front, 0, func(p *wire.Policy) { p.Greeting, p.Brokers = "Hello", []string{"ssl://c.example:8883"} })
	w.must(err)
	if got := w.policyOf(front); got.Greeting != "Hello" || len(got.Brokers) != 2 {
		t.Errorf("who may edit policies changes brokers: %+v", got)
	}
	set(BrokersForm{Bundle: true}, all, "to those of the bundles")
	if got := w.policyOf(front).Brokers; got != nil {
		t.Errorf("%q", got)
	}
	for text, want := range map[string]string{
		"ssl://a ssl://b ssl://c ssl://d ssl://e": "ore than 4",
		"ssl://a ssl://a:8883":                    "twice",
		"tcp://broker.example":                    "TLS",
		"mqtt://127.0.0.1":                        "write ssl://",
		" \n":                                     "go back to those of the bundles",
		"ssl://broker.local":                      "mDNS",
	} {
		if _, err := w.SetBrokers(t.Context(), as(Owner), BrokersForm{Brokers: text}); !strings.Contains(Fields(err)["brokers"].String(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := w.SetBrokers(t.Context(), as(Owner), BrokersForm{Reader: "nowhere", Brokers: two}); Fields(err)["reader"] == nil {
		t.Errorf("no such reader: %v", err)
	}
}

// A board that may be an older one gets a bundle that it can read, and hears of the other brokers
// with its first policy.
func TestANewBoardIsToldOfOneBrokerAndAKnownOneOfAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	signed, fingerprint := w.board()
	form := AdoptForm{Reader: "front", Request: signed, Fingerprint: fingerprint, Access: []wire.Access{{Group: wire.Everyone}}, Broker: "ssl://a.example ssl://b.example"}
	size := 0
	adopt := func() (grown int) {
		t.Helper()
		_, err := w.Adopt(t.Context(), as(Owner), form, func(bundle []byte) error {
			grown, size = len(bundle)-size, len(bundle)
			return nil
		})
		w.must(err)
		return grown
	}
	adopt()
	if got := w.policyOf("front").Brokers; len(got) != 2 {
		t.Errorf("its policy names %q", got)
	}
	w.must(w.site.Update(t.Context(), func(tx *store.Tx) error { return tx.SetReaderLevel("front", wire.LevelBrokers) }))
	form.Broker = ""
	if grown := adopt(); grown < 3*len("ssl://b.example:8883") { // in the bundle, and in its policy
		t.Errorf("the bundle has %d bytes more", grown)
	}
	form.Broker = "ssl://c.example"
	adopt()
	if got := w.policyOf("front").Brokers; got != nil {
		t.Errorf("the policy goes on to name %q", got)
	}
	shown, err := w.Brokers(t.Context(), as(Owner))
	w.must(err)
	i := slices.IndexFunc(shown.Readers, func(r ReaderBrokers) bool { return r.Reader == "front" })
	if wanted := shown.Readers[i].Wanted(); !slices.Equal(wanted, []string{"ssl://c.example:8883"}) {
		t.Errorf("%q", wanted)
	}
}

func TestABrokerThatIsOutOfReachIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.live.brokers = []link.BrokerStatus{{URL: "ssl://a:1", Up: true}, {URL: "ssl://b:1", Why: "connection refused"}, {URL: "ssl://c:1"}}
	down, all, err := w.BrokersDown(t.Context())
	w.must(err)
	if len(down) != 1 || down[0].URL != "ssl://b:1" || !strings.Contains(down[0].Why, "nothing listens there") || all {
		t.Errorf("%+v, all %v", down, all)
	}
	shown, err := w.Brokers(t.Context(), as(Owner))
	w.must(err)
	if len(shown.Connected) != 3 {
		t.Errorf("%+v", shown.Connected)
	}
	w.live.brokers = w.live.brokers[1:2]
	if down, all, _ := w.BrokersDown(t.Context()); len(down) != 1 || !all {
		t.Errorf("%+v, all %v", down, all)
	}
}

func TestWhatIsWrongWithABrokerIsSaidInASentence(t *testing.T) {
	t.Parallel()
	for why, want := range map[string]string{
		"network Error : dial tcp 192.0.2.7:8883: connect: connection refused":                             "nothing listens there",
		"network Error : x509: certificate is not valid for any names, but wanted to match b.example":      "for another name",
		"network Error : tls: failed to verify certificate: x509: certificate signed by unknown authority": "not of this site",
		"network Error : dial tcp: lookup nosuch.example on 192.0.2.1:53: no such host":                    "DNS server",
		"not Authorized": "access list",
		"network Error : remote error: tls: bad certificate":                  "refuses this controller's certificate",
		(&link.OtherCellError{Cell: 2, Is: "geoffrey", Here: "main"}).Error(): `it is a broker of the cell geoffrey: name it to controllers of that cell only, or, if it is to be one of main, write`, // "EOF" is in it
		"something new": "something new",
	} {
		if says := brokerTrouble(why).String(); !strings.Contains(says, want) || strings.Contains(says, "x509") || strings.Contains(says, "dial") {
			t.Errorf("%s: %q", why, says)
		}
	}
}

func TestABrokerThatTheControllerIsNotConnectedToIsSetOnlyAnyway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front := w.reader()
	w.live.brokers = []link.BrokerStatus{{URL: "ssl://a.example:8883", Up: true}, {URL: "ssl://b.example:8883"}}
	w.live.states = []link.ReaderStatus{{ID: front, Online: true, Broker: "ssl://a.example:8883"}}
	form := BrokersForm{Reader: front, Brokers: "ssl://b.example ssl://nosuch.example"}
	_, err := w.SetBrokers(t.Context(), as(Owner), form)
	if says := Fields(err)["anyway"]; !strings.Contains(says.String(), "not connected to ssl://nosuch.example:8883:") || w.policyOf(front).Brokers != nil {
		t.Errorf("%v", err)
	}
	form.Anyway = true
	changed, err := w.SetBrokers(t.Context(), as(Owner), form)
	w.must(err)
	shown, err := w.Brokers(t.Context(), as(Owner))
	w.must(err)
	if unheard := shown.NotHeard(); changed != 1 || !slices.Equal(unheard, []string{"ssl://nosuch.example:8883"}) {
		t.Errorf("%d are changed, and %q are marked", changed, unheard)
	}
	if i := slices.IndexFunc(shown.Readers, func(r ReaderBrokers) bool { return r.Reader == front }); shown.Readers[i].At != "ssl://a.example:8883" {
		t.Errorf("%+v", shown.Readers[i])
	}
	r, err := w.Reader(t.Context(), as(Owner), front)
	w.must(err)
	if r.Live.Broker != "ssl://a.example:8883" {
		t.Errorf("%+v", r.Live)
	}
}

// The controller is connected to its own broker by an address that readers do not know.
func TestTheEmbeddedBrokerIsKnownByTheNamesOfItsMachine(t *testing.T) {
	t.Parallel()
	b := &Brokers{
		Connected: []BrokerStatus{{Cell: store.HomeCell, URL: "ssl://127.0.0.1:8883", Up: true}},
		Here:      []string{"localhost", "Controller", "192.0.2.7"},
		Readers:   []ReaderBrokers{{Reader: "front", Cell: store.HomeCell, Bundle: []string{"ssl://doors.example:8883"}}},
	}
	given := []string{"ssl://controller:8883", "ssl://192.0.2.7:8883", "ssl://doors.example:8883", "ssl://192.0.2.7:8884", "ssl://nosuch.example:8883"}
	if unheard := b.notHeard(store.HomeCell, given); !slices.Equal(unheard, given[3:]) {
		t.Errorf("%q", unheard)
	}
	b.Connected[0].URL = "ssl://192.0.2.9:8883"
	if unheard := b.notHeard(store.HomeCell, given); len(unheard) != len(given) {
		t.Errorf("%q", unheard)
	}
	b.Embedded = true // which listens at one address only
	if unheard := b.notHeard(store.HomeCell, given); !slices.Equal(unheard, given[3:]) {
		t.Errorf("%q", unheard)
	}
	b.Connected = nil
	if unheard := b.notHeard(store.HomeCell, given); unheard != nil {
		t.Errorf("without a controller: %q", unheard)
	}
}

// askedLive counts how often who leads is asked for its brokers.
type askedLive struct {
	Live
	asked int
}

func (l *askedLive) Brokers(ctx context.Context) ([]link.BrokerStatus, error) {
	l.asked++
	return l.Live.Brokers(ctx)
}

func TestWhoMayNotSetBrokersHasNobodyAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reader()
	live := &askedLive{Live: w.Desk.live}
	w.Desk.live = live
	if _, err := w.SetBrokers(t.Context(), as(Viewer), BrokersForm{Brokers: w.brokers()}); !errors.Is(err, ErrNotAllowed) || live.asked > 0 {
		t.Errorf("%v, asked %d times", err, live.asked)
	}
	if _, err := w.SetBrokers(t.Context(), as(Owner), BrokersForm{Brokers: w.brokers(), Anyway: true}); err != nil || live.asked == 0 {
		t.Errorf("%v, asked %d times", err, live.asked)
	}
}
