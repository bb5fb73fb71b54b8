package wire

import (
	"bytes"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

func TestANewDoorsPolicyIsValidOnceItHasARevision(t *testing.T) {
	p := DefaultPolicy("front-door", "Front door")
	if err := p.Check(); err == nil {
		t.Error("revision 0 is accepted")
	}
	p.Revision = 1
	if err := p.Check(); err != nil || len(p.Access) > 0 {
		t.Errorf("open to %v, %v", p.Access, err)
	}
}

func TestAPolicyThatWouldMakeADoorUnsafeIsRefusedWhoeverSignedIt(t *testing.T) {
	for name, change := range map[string]func(*Policy){
		"no reader":                  func(p *Policy) { p.Reader = "" },
		"a reader that is no name":   func(p *Policy) { p.Reader = "Front/Door" },
		"no limit":                   func(p *Policy) { p.Limit = 0 },
		"a limit of 11":              func(p *Policy) { p.Limit = 11 },
		"no unlock time":             func(p *Policy) { p.Unlock = 0 },
		"unlock for 61 s":            func(p *Policy) { p.Unlock, p.Extended = 61, 61 },
		"extended below unlock":      func(p *Policy) { p.Extended = p.Unlock - 1 },
		"extended for 301 s":         func(p *Policy) { p.Extended = 301 },
		"a long door":                func(p *Policy) { p.Door = strings.Repeat("x", MaxName+1) },
		"a place in two lines":       func(p *Policy) { p.Place = "a\nb" },
		"a greeting that rings":      func(p *Policy) { p.Greeting = "\a" },
		"no time zone":               func(p *Policy) { p.TimeZone = "" },
		"this machine's time zone":   func(p *Policy) { p.TimeZone = "Local" },
		"an unknown time zone":       func(p *Policy) { p.TimeZone = "Mars/Olympus" },
		"a time zone outside":        func(p *Policy) { p.TimeZone = "../../etc/localtime" },
		"a group that is no name":    func(p *Policy) { p.Access[1].Group = "" },
		"many groups":                func(p *Policy) { p.Access = slices.Repeat([]Access{{Group: Everyone}}, maxAccess+1) },
		"many spans":                 func(p *Policy) { p.Access[0].Schedule.Week = slices.Repeat([]Span{{Day: 1, To: 1}}, maxSpans+1) },
		"an eighth day":              func(p *Policy) { p.Access[0].Schedule.Week[0].Day = 7 },
		"a span that ends early":     func(p *Policy) { p.Access[0].Schedule.Week[0].To = p.Access[0].Schedule.Week[0].From },
		"a span over midnight":       func(p *Policy) { p.Access[0].Schedule.Week[0].To = 1441 },
		"a weekday's holiday span":   func(p *Policy) { p.Access[0].Schedule.Holiday[0].Day = 1 },
		"a holiday span that is not": func(p *Policy) { p.Access[0].Schedule.Holiday[0].From = 720 },
		"a thirteenth month":         func(p *Policy) { p.Holidays[0].Month = 13 },
		"the 30th of February":       func(p *Policy) { p.Holidays[0] = Holiday{Month: 2, Day: 30} },
		"the 29th of February 2027":  func(p *Policy) { p.Holidays[1] = Holiday{Year: 2027, Month: 2, Day: 29} },
		"day 0":                      func(p *Policy) { p.Holidays[0].Day = 0 },
		"month 0":                    func(p *Policy) { p.Holidays[0].Month = 0 },
		"unsorted holidays":          func(p *Policy) { slices.Reverse(p.Holidays) },
		"a holiday twice":            func(p *Policy) { p.Holidays[1] = p.Holidays[0] },
		"a language of one letter":   func(p *Policy) { p.Screen.Language = "d" },
		"a language with a place":    func(p *Policy) { p.Screen.Language = "de_AT" },
		"a language that ends early": func(p *Policy) { p.Screen.Language = "de-" },
		"a language of digits":       func(p *Policy) { p.Screen.Language = "12" },
		"a language's long name":     func(p *Policy) { p.Screen.Language = "Deutsch-Schweizer" },
		"a very long language":       func(p *Policy) { p.Screen.Language = "de" + strings.Repeat("-1234567", 5) },
		"many holidays":              func(p *Policy) { p.Holidays = everyDay(MaxHolidays + 1) },
		"normal as a mode":           func(p *Policy) { p.Modes = []WantedMode{{Mode: ModeNormal}} },
		"an unknown mode":            func(p *Policy) { p.Modes = []WantedMode{{Mode: "closed"}} },
		"a mode twice":               func(p *Policy) { p.Modes = []WantedMode{{Mode: ModeLocked}, {Mode: ModeLocked, Until: 1}} },
		"modes out of order":         func(p *Policy) { p.Modes = []WantedMode{{Mode: ModeLockdown}, {Mode: ModeLocked}} },
		"unlocked for ever":          func(p *Policy) { p.Modes = []WantedMode{{Mode: ModeUnlocked}} },
		"an evacuation with an end":  func(p *Policy) { p.Modes = []WantedMode{{Mode: ModeEvacuation, Until: 1}} },
		"a mode before 1970":         func(p *Policy) { p.Modes = []WantedMode{{Mode: ModeLocked, Until: -1}} },
		"a mode in the year 10000":   func(p *Policy) { p.Modes = []WantedMode{{Mode: ModeLocked, Until: MaxTime + 1}} },
		"a mode of two lines":        func(p *Policy) { p.Modes = []WantedMode{{Mode: ModeLocked, By: "a\nb"}} },
		"unsorted groups":            func(p *Policy) { p.Exempt = []string{"b", "a"} },
		"a group twice":              func(p *Policy) { p.InLockdown = []string{"a", "a"} },
		"an exempt group of no name": func(p *Policy) { p.Exempt = []string{""} },
		"many exempt groups":         func(p *Policy) { p.Exempt = make([]string, maxAccess+1) },
		"an opening that never is":   func(p *Policy) { p.Opening = &Opening{} },
		"an opening of no group":     func(p *Policy) { p.Opening.First = "A B" },
		"an opening on day 7":        func(p *Policy) { p.Opening.Schedule.Week[0].Day = 7 },
		"an opening after 9999":      func(p *Policy) { p.Opening.After = MaxTime + 1 },
		"a fifth broker":             func(p *Policy) { p.Brokers = append(testBrokersPolicy().Brokers, "ssl://e.example:8883") },
		"a broker twice":             func(p *Policy) { p.Brokers = slices.Repeat([]string{"ssl://broker.example:8883"}, 2) },
		"a broker without a port":    func(p *Policy) { p.Brokers = []string{"ssl://broker.example"} },
		"an empty broker":            func(p *Policy) { p.Brokers = []string{""} },
		"a broker without TLS":       func(p *Policy) { p.Brokers = []string{"ssl://broker.example:8883", "tcp://192.0.2.1:1883"} },
		"a broker of mDNS":           func(p *Policy) { p.Brokers = []string{"ssl://broker.local:8883"} },
		"a broker with a password":   func(p *Policy) { p.Brokers = []string{"ssl://user:secret@broker.example:8883"} },
		"a broker of 257 bytes":      func(p *Policy) { p.Brokers = []string{"ssl://" + strings.Repeat("a.", 123) + "a:8883"} },
		"two proofs without PIN":     func(p *Policy) { p.TwoProofs, p.PIN = &TwoProofs{}, false },
		"two proofs that never are":  func(p *Policy) { p.TwoProofs = &TwoProofs{&Schedule{}} },
		"two proofs on day 7":        func(p *Policy) { p.TwoProofs = &TwoProofs{&Schedule{Week: []Span{{Day: 7, To: 1}}}} },
	} {
		p := testPolicy()
		p.Opening = testModesPolicy().Opening
		change(p)
		if read, err := ParsePolicy(Marshal(p)); err == nil || read != nil {
			t.Errorf("%s: %v, %v", name, read, err)
		}
		if _, err := p.Sign(testSite, testController); err == nil {
			t.Errorf("%s is signed", name)
		}
	}
}

func TestTheLastDayOfFebruaryIsAHolidayOfEachYear(t *testing.T) {
	p := testPolicy()
	p.Holidays = []Holiday{{Month: 2, Day: 29}, {Year: 2028, Month: 2, Day: 29}}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
}

func TestAnUnheardOfCommandIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Command){
		"no reader":            func(c *Command) { c.Reader = "" },
		"no id":                func(c *Command) { c.ID = CommandID{} },
		"no order":             func(c *Command) { c.Order = "" },
		"an unknown order":     func(c *Command) { c.Order = "open" },
		"an enrol in lockdown": func(c *Command) { *c = *testEnrol(t); c.InLockdown = true },
		"a name in two lines":  func(c *Command) { c.By = "a\nb" },
		"a name of 65 bytes":   func(c *Command) { c.By = strings.Repeat("x", 65) },
		"an unlock with a key": func(c *Command) { c.Sealing[0] = 1 },
		"an enrol without one": func(c *Command) { c.Order, c.InLockdown = Enrol, false },
	} {
		c := testCommand()
		change(c)
		if err := CheckPayload(KindCommand, Marshal(c)); err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, order := range []Order{Unlock, Identify, Enrol} {
		c := testCommand()
		c.Order, c.InLockdown = order, order == Unlock
		if order == Enrol {
			c.Sealing = testEnrol(t).Sealing
		}
		if err := CheckPayload(KindCommand, Marshal(c)); err != nil {
			t.Errorf("%s: %v", order, err)
		}
	}
}

func TestARecordThatNoReaderWritesIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Record){
		"no number":                     func(r *Record) { r.Number = 0 },
		"a time that cannot be written": func(r *Record) { r.Time = endTime },
		"a time before all":             func(r *Record) { r.Time = minTime - 1 },
		"no kind":                       func(r *Record) { r.Kind = "" },
		"a long kind":                   func(r *Record) { r.Kind = RecordKind(strings.Repeat("x", 33)) },
		"a whole tag":                   func(r *Record) { r.Tag = fill(1, 16) },
		"a number above all":            func(r *Record) { r.Number = MaxNumber + 1 },
		"a user above all":              func(r *Record) { r.User = MaxNumber + 1 },
		"a range without end":           func(r *Record) { r.Last = MaxNumber + 1 },
		"users above all":               func(r *Record) { r.Users = []uint64{1, MaxNumber + 1} },
		"4 KiB and more":                func(r *Record) { r.Text = strings.Repeat("x", MaxRecord) },
	} {
		r := testRecord()
		change(r)
		if read, err := ParseRecord(Marshal(r)); err == nil || read != nil {
			t.Errorf("%s: %v, %v", name, read, err)
		}
	}
}

func TestANameMayStandInATopic(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "0": true, "front-door": true, "a-": true, strings.Repeat("a", 32): true,
		"": false, "-a": false, "A": false, "a_b": false, "a/b": false, "+": false, "#": false, "ä": false, "a b": false, strings.Repeat("a", 33): false, "a\x00": false,
	} {
		if err := CheckName(name); (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func everyDay(n int) []Holiday {
	days := make([]Holiday, n)
	for i := range days {
		days[i] = Holiday{Year: uint16(2000 + i), Month: 1, Day: 1}
	}
	return days
}

func TestAPolicyMayNameALanguageThatNoReaderHas(t *testing.T) {
	for _, tag := range []string{"", "de", "pt-BR", "sr-Latn-RS", "tlh", "de-CH-1996", "PT-br"} {
		p := testPolicy()
		p.Screen.Language = tag
		if read, err := ParsePolicy(Marshal(p)); err != nil || read.Screen.Language != tag {
			t.Errorf("%q: %v", tag, err)
		}
	}
}

// Policies without a screen have the bytes they had before there was one: their vectors say so.
func TestAnEmptyScreenIsASecondWayToSayNothingAndRefused(t *testing.T) {
	p := testPolicy()
	m := map[int]cbor.RawMessage{}
	if err := cbor.Unmarshal(Marshal(p), &m); err != nil {
		t.Fatal(err)
	}
	if _, err := ParsePolicy(Marshal(m)); err != nil {
		t.Fatal(err)
	}
	m[24] = cbor.RawMessage{0xa0}
	if p, err := ParsePolicy(Marshal(m)); err == nil {
		t.Errorf("read as %+v", p.Screen)
	}
}

func TestAnOlderReaderGetsAPolicyThatItUnderstands(t *testing.T) {
	p := testModesPolicy()
	old := Marshal(p.For(0))
	plain := *testModesPolicy()
	plain.Modes, plain.Exempt, plain.InLockdown, plain.Opening = nil, nil, nil, nil
	if !bytes.Equal(old, Marshal(&plain)) {
		t.Errorf("it gets %x", old)
	}
	if got := p.For(Level); !reflect.DeepEqual(got, testModesPolicy()) {
		t.Errorf("a new one gets %+v", got)
	}
}

func TestAnOlderReaderThatCannotDemandTwoProofsLetsNobodyIn(t *testing.T) {
	for _, level := range []uint8{0, LevelModes} {
		p := testProofsPolicy()
		got := p.For(level)
		if got.TwoProofs != nil || len(got.Access) != 0 {
			t.Errorf("level %d gets %+v", level, got)
		}
		if err := got.Check(); err != nil {
			t.Error(err)
		}
		if !reflect.DeepEqual(p, testProofsPolicy()) {
			t.Errorf("it became %+v", p)
		}
	}
	if got := testProofsPolicy().For(LevelProofs); !reflect.DeepEqual(got, testProofsPolicy()) {
		t.Errorf("a new one gets %+v", got)
	}
}

func TestAnOlderReaderKeepsToItsBundlesBroker(t *testing.T) {
	for level := range uint8(LevelBrokers) {
		p := testBrokersPolicy()
		got := p.For(level)
		if got.Brokers != nil {
			t.Errorf("level %d gets %q", level, got.Brokers)
		}
		if !reflect.DeepEqual(p, testBrokersPolicy()) {
			t.Errorf("it became %+v", p)
		}
	}
	if got := testBrokersPolicy().For(LevelBrokers); !reflect.DeepEqual(got, testBrokersPolicy()) {
		t.Errorf("a new one gets %+v", got)
	}
}

// Whatever list is taken, a reader can go to each, and only with TLS beyond its own machine.
func TestABrokerOfAPolicyIsOneThatAReaderCanReach(t *testing.T) {
	part := rapid.SampledFrom([]string{"ssl://", "tcp://", "mqtts://", "SSL://", "broker.example", "localhost", "127.0.0.1", "[::1]", "192.0.2.1", "x.local", ":8883", ":1883", ":0", ":", "/", "@", " ", "\n", "#", "?"})
	rapid.Check(t, func(t *rapid.T) {
		url := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(part, 1, 4).Draw(t, "parts"), "") })
		p := testPolicy()
		p.Brokers = rapid.SliceOfN(url, 0, 6).Draw(t, "brokers")
		if p.Check() != nil {
			return
		}
		if len(p.Brokers) > MaxBrokers {
			t.Fatalf("%q", p.Brokers)
		}
		for i, url := range p.Brokers {
			b, err := ParseBroker(url)
			if err != nil || b.String() != url || slices.Contains(p.Brokers[:i], url) || len(strings.Fields(url)) != 1 {
				t.Fatalf("%q, %v", p.Brokers, err)
			}
			if ip, _ := netip.ParseAddr(b.Host); b.Plain && b.Host != "localhost" && !ip.IsLoopback() {
				t.Fatalf("%s is without TLS", url)
			}
		}
	})
}

func TestAConditionInAnUnknownModeIsRefused(t *testing.T) {
	for name, change := range map[string]func(*ModeState){
		"no mode":          func(m *ModeState) { m.Mode = "" },
		"an unknown mode":  func(m *ModeState) { m.Mode = "closed" },
		"an unknown cause": func(m *ModeState) { m.Cause = "whim" },
		"a long name":      func(m *ModeState) { m.By = strings.Repeat("x", 65) },
		"before 1970":      func(m *ModeState) { m.Until = -1 },
		"it waits":         func(m *ModeState) { m.Waits = true },
		"nothing wants it": func(m *ModeState) { *m = ModeState{Mode: ModeLocked} },
		"a fire by Grace":  func(m *ModeState) { m.Mode, m.Cause = ModeEvacuation, CauseFire },
	} {
		s := testState(t)
		s.Condition.Mode = &ModeState{Mode: ModeUnlocked, Cause: CauseWanted, Until: 1767290400, By: "Grace Hopper"}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		change(s.Condition.Mode)
		if err := s.Check(); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}
