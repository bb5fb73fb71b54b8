package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// refused checks that a message is read as it is, and is not once it has been
// changed.
func refused[M any](t *testing.T, read func([]byte) error, message func() *M, changes map[string]func(*M)) {
	t.Helper()
	if err := read(Marshal(message())); err != nil {
		t.Fatal(err)
	}
	for name, change := range changes {
		m := message()
		change(m)
		if err := read(Marshal(m)); err == nil {
			t.Errorf("%s is read as %+v", name, m)
		}
	}
}

func accepts(kind Kind) func([]byte) error {
	return func(payload []byte) error { return CheckPayload(kind, payload) }
}

func TestAHeadThatIsNoPlaceIsRefused(t *testing.T) {
	refused(t, accepts(KindHead), testHead, map[string]func(*Position){
		"no epoch":                      func(p *Position) { p.Epoch = 0 },
		"revision 0 with another hash":  func(p *Position) { p.Revision = 0 },
		"an epoch above all":            func(p *Position) { p.Epoch = MaxNumber + 1 },
		"revision 0 of another epoch's": func(p *Position) { *p = Position{Epoch: 2, Hash: Start(1)} },
	})
	if _, err := OpenHead(testSite, testSignedHead(t), publicKey(testController)); err != nil {
		t.Error(err)
	}
	if _, err := OpenHead(testSite, mustSign(t, KindNow, Marshal(testHead())), publicKey(testController)); !errors.Is(err, ErrSignature) {
		t.Errorf("signed as another kind: %v", err)
	}
}

func TestAKeyOrNowOrAckThatNoControllerWritesIsRefused(t *testing.T) {
	refused(t, accepts(KindKey), func() *Key { return testKey(t) }, map[string]func(*Key){
		"no epoch":          func(k *Key) { k.Epoch = 0 },
		"no reader":         func(k *Key) { k.Reader = "" },
		"nothing is sealed": func(k *Key) { k.Sealed = k.Sealed[:sealOverhead] },
		"too much":          func(k *Key) { k.Sealed = make([]byte, sealOverhead+MaxEpochKeys+1) },
	})
	refused(t, accepts(KindNow), func() *Now { return testNow(t) }, map[string]func(*Now){
		"no nonce":              func(n *Now) { n.Nonce = Nonce{} },
		"no reader":             func(n *Now) { n.Reader = "A" },
		"no time":               func(n *Now) { n.Time = 0 },
		"a time before 1970":    func(n *Now) { n.Time = -1 },
		"the year ten thousand": func(n *Now) { n.Time = 253402300800000 },
	})
	refused(t, accepts(KindAck), testAck, map[string]func(*Ack){
		"no journal": func(a *Ack) { a.Journal = JournalID{} },
		"no number":  func(a *Ack) { a.Number = 0 },
		"no reader":  func(a *Ack) { a.Reader = "" },
	})
}

// A reader of a lower level refuses the member, so a message without one is as it was before
// there were terms.
func TestAMessageWithoutATermHasTermZero(t *testing.T) {
	for kind, m := range map[Kind]struct {
		with, without message
		key           byte
		term          func(message) uint64
	}{
		KindNow:     {testNow(t), &Now{Reader: "front-door", Nonce: Nonce{1}, Time: 1, Head: []byte{1}}, 6, func(m message) uint64 { return m.(*Now).Term }},
		KindAck:     {testAck(), &Ack{Reader: "front-door", Journal: JournalID{1}, Number: 1}, 5, func(m message) uint64 { return m.(*Ack).Term }},
		KindCommand: {testCommand(), &Command{Reader: "front-door", Nonce: Nonce{1}, ID: CommandID{1}, Order: Identify, By: "Grace"}, 10, func(m message) uint64 { return m.(*Command).Term }},
	} {
		for want, m2 := range map[uint64]message{testTerm: m.with, 0: m.without} {
			got := kind.empty()
			if err := parse(kind, Marshal(m2), got); err != nil || m.term(got) != want {
				t.Errorf("%s: term %d, want %d, %v", kind, m.term(got), want, err)
			}
		}
		b := Marshal(m.without)
		if zero := append(append([]byte{b[0] + 1}, b[1:]...), m.key, 0); CheckPayload(kind, zero) == nil {
			t.Errorf("%s: a term 0 that is there is a second encoding", kind)
		}
	}
}

func TestAStateThatNoReaderIsInIsRefused(t *testing.T) {
	refused(t, accepts(KindState), func() *State { return testState(t) }, map[string]func(*State){
		"no reader":                 func(s *State) { s.Reader = "" },
		"no connection":             func(s *State) { s.Connection = 0 },
		"a connection above all":    func(s *State) { s.Connection = MaxNumber + 1 },
		"a counter above all":       func(s *State) { s.Counter = MaxNumber + 1 },
		"no nonce":                  func(s *State) { s.Nonce = Nonce{} },
		"no journal":                func(s *State) { s.Journal = JournalID{} },
		"no condition":              func(s *State) { s.Condition = nil },
		"offline, with a nonce":     func(s *State) { *s = State{Reader: s.Reader, Connection: 1, Nonce: s.Nonce} },
		"offline, with a version":   func(s *State) { *s = State{Reader: s.Reader, Connection: 1, Version: "1"} },
		"offline, with a condition": func(s *State) { *s = State{Reader: s.Reader, Connection: 1, Condition: s.Condition} },
		"a position of no epoch":    func(s *State) { s.Held.Epoch = 0 },
		"a version in two lines":    func(s *State) { s.Version = "1\n2" },
		"an unknown lockout":        func(s *State) { s.Condition.Lockout = "whim" },
		"no state of the strike":    func(s *State) { s.Condition.Strike = "" },
		"no state of the door":      func(s *State) { s.Condition.Door = "ajar" },
		"a long reason":             func(s *State) { s.Condition.PIN = Reason(strings.Repeat("x", 65)) },
		"a reason in two lines":     func(s *State) { s.Condition.Card = "a\nb" },
		"many faults":               func(s *State) { s.Condition.Faults = make([]Fault, 17) },
		"a fault of nothing":        func(s *State) { s.Condition.Faults[0].Subject = "" },
		"a long fault":              func(s *State) { s.Condition.Faults[0].Text = strings.Repeat("x", 201) },
		"a card nobody asked for":   func(s *State) { s.Card.Command = CommandID{} },
		"a card of 5 bytes":         func(s *State) { s.Card.Sealed = make([]byte, 53) },
	})
	bad := testState(t)
	bad.Condition.Door = "ajar"
	if _, err := bad.Sign(testSite, testReader); err == nil {
		t.Error("signed")
	}
	if _, err := ParseState(Marshal(&State{Reader: "front-door", Connection: 7})); err != nil {
		t.Errorf("offline: %v", err)
	}
}

func TestRecordsThatNoJournalHoldsAreRefused(t *testing.T) {
	refused(t, accepts(KindRecords), testRecords, map[string]func(*Records){
		"no reader":           func(r *Records) { r.Reader = "" },
		"no journal":          func(r *Records) { r.Journal = JournalID{} },
		"no first":            func(r *Records) { r.First = 0 },
		"none":                func(r *Records) { r.Records = nil },
		"257":                 func(r *Records) { r.Records = chained(257) },
		"one before First":    func(r *Records) { r.First = 18 },
		"one twice":           func(r *Records) { r.Records[1] = r.Records[0] },
		"the wrong order":     func(r *Records) { r.Records[0], r.Records[1] = r.Records[1], r.Records[0] },
		"one that is no such": func(r *Records) { r.Records[0] = []byte{0xa0} },
		"a broken chain": func(r *Records) {
			r.Records[1] = Marshal(&Record{Number: 18, Kind: DoorOpened})
		},
	})
	gap := testRecords()
	gap.Records[1] = Marshal(&Record{Number: 19, Kind: DoorOpened})
	if err := CheckPayload(KindRecords, Marshal(gap)); err != nil {
		t.Errorf("records after dropped ones: %v", err)
	}
	most := testRecords()
	most.First, most.Records = 1, chained(256)
	if _, err := most.Sign(testSite, testReader); err != nil {
		t.Errorf("256 records: %v", err)
	}
	for i := range most.Records {
		most.Records[i] = Marshal(&Record{Number: uint64(i + 1), Before: before(most.Records, i), Kind: DoorOpened, Text: strings.Repeat("x", 250)})
	}
	if _, err := most.Sign(testSite, testReader); err == nil {
		t.Error("more than a message carries is signed")
	}
}

func before(records [][]byte, i int) Hash {
	if i == 0 {
		return Hash{}
	}
	return Sum(records[i-1])
}

func chained(n int) [][]byte {
	records := make([][]byte, n)
	for i := range records {
		records[i] = Marshal(&Record{Number: uint64(i + 1), Before: before(records, i), Kind: DoorOpened})
	}
	return records
}

func TestAFetchOfNothingThereIsRefused(t *testing.T) {
	refused(t, accepts(KindFetch), func() *Fetch { return testFetch(WantChunks) }, map[string]func(*Fetch){
		"no reader":                func(f *Fetch) { f.Reader = "" },
		"no connection":            func(f *Fetch) { f.Connection = 0 },
		"no number":                func(f *Fetch) { f.Number = 0 },
		"a number above all":       func(f *Fetch) { f.Number = MaxNumber + 1 },
		"no want":                  func(f *Fetch) { f.Want = "" },
		"something unknown":        func(f *Fetch) { f.Want = "everything" },
		"chunks of no position":    func(f *Fetch) { f.Position = nil },
		"a position of no epoch":   func(f *Fetch) { f.Position.Epoch = 0 },
		"no chunks":                func(f *Fetch) { f.Chunks = nil },
		"65 chunks":                func(f *Fetch) { f.Chunks = rising(65) },
		"a chunk twice":            func(f *Fetch) { f.Chunks = []uint32{1, 1} },
		"chunks in disorder":       func(f *Fetch) { f.Chunks = []uint32{2, 1} },
		"deltas with chunks":       func(f *Fetch) { f.Want = WantDeltas },
		"a snapshot's chunks":      func(f *Fetch) { f.Want = WantSnapshot },
		"deltas after no position": func(f *Fetch) { f.Want, f.Chunks, f.Position = WantDeltas, nil, nil },
	})
	f := testFetch(WantChunks)
	f.Chunks = rising(64)
	if _, err := f.Sign(testSite, testReader); err != nil {
		t.Error(err)
	}
	f.Number = 0
	if _, err := f.Sign(testSite, testReader); err == nil {
		t.Error("signed without a number")
	}
}

func rising(n int) []uint32 {
	numbers := make([]uint32, n)
	for i := range numbers {
		numbers[i] = uint32(i)
	}
	return numbers
}

func TestAReplyOfTwoKindsIsRefused(t *testing.T) {
	reply := func() *Reply {
		return &Reply{Number: 3, Chunks: []ChunkPart{{Index: 1, Chunk: []byte{1}}, {Index: 4, Chunk: []byte{1}}}}
	}
	refused(t, func(b []byte) error { _, err := ParseReply(b); return err }, reply, map[string]func(*Reply){
		"no number":           func(r *Reply) { r.Number = 0 },
		"chunks and deltas":   func(r *Reply) { r.Deltas = [][]byte{{1}} },
		"chunks and manifest": func(r *Reply) { r.Manifest = []byte{1} },
		"a chunk twice":       func(r *Reply) { r.Chunks[1].Index = 1 },
		"an empty chunk":      func(r *Reply) { r.Chunks[0].Chunk = nil },
		"a big chunk":         func(r *Reply) { r.Chunks[0].Chunk = make([]byte, MaxChunk+1) },
		"65 chunks":           func(r *Reply) { r.Chunks = make([]ChunkPart, 65) },
		"an empty delta":      func(r *Reply) { r.Chunks, r.Deltas = nil, [][]byte{{}} },
		"a big delta":         func(r *Reply) { r.Chunks, r.Deltas = nil, [][]byte{make([]byte, MaxDelta+1)} },
		"257 deltas":          func(r *Reply) { r.Chunks, r.Deltas = nil, bytes.Split(make([]byte, 257), nil) },
	})
	big := &Reply{Number: 1, Manifest: make([]byte, MaxManifest+envelopeOverhead)}
	if b, err := big.Encode(); err != nil || len(b) > MaxReply {
		t.Errorf("the biggest manifest: %d bytes, %v", len(b), err)
	}
	big.Manifest = make([]byte, MaxReply)
	if _, err := big.Encode(); err == nil {
		t.Error("more than a reply carries is encoded")
	}
}

func TestWhatIsSealedInTheVectorsOpens(t *testing.T) {
	for key, want := range map[*Key]*EpochKeys{testKey(t): testEpochKeys(t), testTPMKey(t): testRefilled(t)} {
		if keys, err := key.Unseal(testSealing(t)); err != nil || !reflect.DeepEqual(keys, want) {
			t.Errorf("%+v, %v", keys, err)
		}
	}
	uid, err := testState(t).Card.Unseal(testEnrolKey(t))
	if err != nil || !bytes.Equal(uid, testCardUID) {
		t.Errorf("%x, %v", uid, err)
	}
	if _, err := testKey(t).Unseal(testEnrolKey(t)); err == nil {
		t.Error("a key opens with another board's key")
	}
	if _, err := testState(t).Card.Unseal(testSealing(t)); err == nil {
		t.Error("a card opens with another command's key")
	}
}

func TestWhatIsSealedOpensForItsPurposeOnly(t *testing.T) {
	keys := testEpochKeys(t)
	k, err := SealKey("front-door", 5, keys, testSealing(t).PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Unseal(testSealing(t)); err != nil || !reflect.DeepEqual(got, keys) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Unseal(testSealing(t), sealedCard, k.Sealed); err == nil {
		t.Error("a key opens as a card")
	}
	if _, err := SealKey("front-door", 0, keys, testSealing(t).PublicKey()); err == nil {
		t.Error("a key of no epoch is sealed")
	}
	for _, uid := range [][]byte{testCardUID[:4], testCardUID, append(testCardUID, 1, 2, 3)} {
		card, err := SealCard(testEnrol(t), uid)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := card.Unseal(testEnrolKey(t)); err != nil || !bytes.Equal(got, uid) {
			t.Errorf("%x, %v", got, err)
		}
	}
	if _, err := SealCard(testEnrol(t), testCardUID[:5]); err == nil {
		t.Error("what is no card's identifier is sealed")
	}
	if _, err := SealCard(testCommand(), testCardUID); err == nil {
		t.Error("a card is sealed for a hold")
	}
	nobody := testEnrol(t)
	nobody.Sealing = [32]byte{1} // a point of small order
	if _, err := SealCard(nobody, testCardUID); err == nil {
		t.Error("a card is sealed to a key that anybody has")
	}
}

func TestATopicIsTakenApartAsItWasMade(t *testing.T) {
	for _, c := range channels {
		reader := "front-door"
		if c == OnHead || c == OnCredentials {
			reader = ""
		}
		topic := c.Topic("home", reader)
		site, gotReader, got, ok := ParseTopic(topic)
		if !ok || site != "home" || gotReader != reader || got != c {
			t.Errorf("%s: %s, %s, %s, %t", topic, site, gotReader, got, ok)
		}
		if c.Limit() < 64<<10 || c.Limit() > 1<<20 {
			t.Errorf("%s: %d bytes", c, c.Limit())
		}
	}
	if got, want := OnState.Topic("home", "front-door"), "latchkey/v1/home/front-door/state"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, topic := range []string{
		"", "latchkey/v1/home", "latchkey/v1/home/", "latchkey/v1//head", "latchkey/v2/home/head", "latchkey/v1/home/state", "latchkey/v1/home/front-door/head",
		"latchkey/v1/home/front-door/open", "latchkey/v1/home/Front/state", "latchkey/v1/home/front-door/state/", "latchkey/v1/home//state", "/latchkey/v1/home/head", "latchkey/v1/+/head",
	} {
		if _, _, _, ok := ParseTopic(topic); ok {
			t.Errorf("%q is a topic", topic)
		}
	}
}
