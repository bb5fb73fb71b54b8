package link_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/sync/wire"
)

// A board is what a reader's request is made of.
type board struct {
	signing crypto.Signer
	sealing *ecdh.PrivateKey
	tls     *ecdsa.PrivateKey
	request *wire.Request
}

func newBoard(t testing.TB) *board {
	t.Helper()
	return boardOf(boardtest.New(t))
}

func boardOf(b *boardtest.Board) *board { return &board{b.Signing, b.Sealing, b.TLS, b.Request} }

// A model is a reader as the protocol describes it, in memory.
type model struct {
	t      testing.TB
	board  *board
	bundle *wire.Bundle
	client mqtt.Client

	mu         sync.Mutex
	connection uint64
	counter    uint64
	number     uint64 // of fetches
	nonces     []wire.Nonce
	answered   int // states that a now has answered
	nows       int // of this connection
	held       wire.Position
	entries    map[wire.Tag][]byte
	keys       map[uint64]*wire.EpochKeys
	head       []byte // the newest seen, signed
	policy     *wire.Policy
	pending    *wire.Manifest // a snapshot that is being fetched
	chunks     map[uint32][]byte
	deltas     int // messages on the site's credentials
	journal    wire.JournalID
	records    [][]byte // all of them
	first      uint64   // oldest held
	acked      uint64
	answers    map[uint64]int // replies, by the fetch's number
	commands   []wire.Command
	obey       func(*model, *wire.Command) // with the lock held
	cardKeys   []*wire.CardKeys
	write      func(*model, *wire.CardKeys) // with the lock held
	card       *wire.CardRead
	tpm        *wire.TPMState          // what it says of its TPM; nil: it has none
	level      uint8                   // what it understands
	terms      map[wire.Channel]uint64 // the newest on each
}

// newModel returns a reader that has taken a bundle over.
func newModel(t testing.TB, b *board, bundle *wire.Bundle) *model {
	t.Helper()
	m := &model{t: t, board: b, bundle: bundle, keys: map[uint64]*wire.EpochKeys{bundle.Epoch: &bundle.Keys}, answers: map[uint64]int{}, terms: map[wire.Channel]uint64{}, first: 1}
	rand.Read(m.journal[:])
	item, rest, err := wire.Next(bundle.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	m.begin(m.manifest(item))
	for i := range m.pending.Chunks() {
		var chunk []byte
		if chunk, rest, err = wire.Next(rest); err != nil {
			t.Fatal(err)
		}
		m.chunks[uint32(i)] = chunk
	}
	m.finish()
	policy, err := wire.OpenPolicy(bundle.Site, bundle.Policy, bundle.Controller[:])
	if err != nil {
		t.Fatal(err)
	}
	m.policy = policy.Policy()
	return m
}

func (m *model) manifest(signed []byte) *wire.Manifest {
	manifest, err := wire.OpenManifest(m.bundle.Site, signed, m.bundle.Controller[:])
	if err != nil {
		m.t.Error(err)
		return nil
	}
	return manifest.Manifest()
}

func (m *model) begin(manifest *wire.Manifest) {
	m.pending, m.chunks = manifest, map[uint32][]byte{}
}

// finish takes a snapshot over if it is whole, and its epoch's key is there.
func (m *model) finish() bool {
	if len(m.chunks) < m.pending.Chunks() {
		return false
	}
	if _, ok := m.keys[m.pending.Epoch]; !ok {
		return false
	}
	entries := map[wire.Tag][]byte{}
	for i, b := range m.chunks {
		if m.pending.CheckChunk(int(i), b) != nil {
			m.t.Errorf("chunk %d has another hash", i)
		}
		chunk, err := wire.ParseChunk(b)
		if err != nil {
			m.t.Error(err)
			return false
		}
		for j := range chunk.Len() {
			credential, err := chunk.Credential(j)
			if err != nil {
				m.t.Error(err)
				return false
			}
			entries[chunk.Tag(j)] = wire.Marshal(credential)
		}
	}
	m.entries, m.held = entries, wire.Position{Epoch: m.pending.Epoch, Revision: m.pending.Revision, Hash: m.pending.Hash}
	m.pending = nil
	return true
}

// certificate returns what the reader shows to a broker.
func (m *model) certificate() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{m.bundle.Certificate}, PrivateKey: m.board.tls}
}

func (m *model) roots() *x509.CertPool {
	root, err := x509.ParseCertificate(m.bundle.Authority)
	if err != nil {
		m.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return roots
}

// connect connects and says how the reader is.
func (m *model) connect(broker string) error {
	m.mu.Lock()
	m.connection++
	m.counter, m.number, m.nonces, m.answered, m.nows = 0, 0, nil, 0, 0
	will := m.sign(wire.KindState, &wire.State{Reader: m.bundle.Reader, Connection: m.connection})
	m.mu.Unlock()
	options := mqtt.NewClientOptions().AddBroker(broker).SetClientID(m.bundle.Reader).SetCleanSession(true).SetAutoReconnect(false).
		SetConnectTimeout(5*time.Second).SetBinaryWill(m.topic(wire.OnState), will, 1, true).
		SetTLSConfig(&tls.Config{Certificates: []tls.Certificate{m.certificate()}, RootCAs: m.roots(), MinVersion: tls.VersionTLS13})
	client := mqtt.NewClient(options)
	if token := client.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		return errors.Join(token.Error(), errors.New("not connected"))
	}
	filters := map[string]byte{}
	for _, c := range []wire.Channel{wire.OnCredentials, wire.OnHead, wire.OnPolicy, wire.OnKey, wire.OnCommand, wire.OnCard, wire.OnNow, wire.OnReply, wire.OnAck} {
		filters[m.topic(c)] = 1
	}
	m.mu.Lock()
	m.client = client
	m.mu.Unlock()
	if token := client.SubscribeMultiple(filters, m.handle); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		return errors.Join(token.Error(), errors.New("not subscribed"))
	}
	m.say()
	return nil
}

func (m *model) disconnect() {
	if m.client != nil {
		m.client.Disconnect(100)
	}
}

func (m *model) topic(c wire.Channel) string { return c.Topic(m.bundle.SiteName, m.bundle.Reader) }

func (m *model) sign(kind wire.Kind, message any) []byte {
	signed, err := wire.Sign(kind, m.bundle.Site, wire.Marshal(message), m.board.signing)
	if err != nil {
		m.t.Error(err)
	}
	return signed
}

func (m *model) publish(c wire.Channel, b []byte) {
	if m.client != nil {
		m.client.Publish(m.topic(c), 1, c.Retained(), b)
	}
}

// say publishes a state, and what is not acknowledged once more.
func (m *model) say() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counter++
	var nonce wire.Nonce
	rand.Read(nonce[:])
	m.nonces = append(m.nonces, nonce)
	held := m.held
	m.publish(wire.OnState, m.sign(wire.KindState, &wire.State{
		Reader: m.bundle.Reader, Connection: m.connection, Counter: m.counter, Nonce: nonce, Version: "model", Held: &held, Head: m.head,
		PolicyRevision: m.policy.Revision, Journal: m.journal, First: m.first, Last: uint64(len(m.records)),
		Condition: &wire.Condition{Strike: wire.StrikeOff, Door: wire.DoorIsClosed, TPM: m.tpm, Mode: m.mode()}, Card: m.card, Level: m.level,
	}))
	m.report()
}

// mode returns the mode in force; nil: it knows none.
func (m *model) mode() *wire.ModeState {
	if m.level < wire.LevelModes {
		return nil
	}
	state := &wire.ModeState{Mode: wire.ModeNormal}
	if n := len(m.policy.Modes); n > 0 {
		state.Mode, state.Cause = m.policy.Modes[n-1].Mode, wire.CauseWanted
	}
	return state
}

// happen appends a record and reports it.
func (m *model) happen(r wire.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.append(r)
	m.report()
}

func (m *model) append(r wire.Record) {
	r.Number = uint64(len(m.records)) + 1
	if n := len(m.records); n > 0 {
		r.Before = wire.Sum(m.records[n-1])
	}
	r.Time, r.Trusted = time.Now().UnixMilli(), true
	m.records = append(m.records, wire.Marshal(&r))
}

// report sends what is not acknowledged, at most ten records.
func (m *model) report() {
	if int(m.acked) >= len(m.records) {
		return
	}
	batch := m.records[m.acked:min(len(m.records), int(m.acked)+10)]
	m.publish(wire.OnRecords, m.sign(wire.KindRecords, &wire.Records{Reader: m.bundle.Reader, Journal: m.journal, First: m.first, Records: batch}))
}

func (m *model) fetch(want wire.Want, position *wire.Position, chunks []uint32) {
	m.number++
	m.publish(wire.OnFetch, m.sign(wire.KindFetch, &wire.Fetch{Reader: m.bundle.Reader, Connection: m.connection, Number: m.number, Want: want, Position: position, Chunks: chunks}))
}

// catchUp fetches what leads to a place.
func (m *model) catchUp(p wire.Position) {
	switch {
	case m.pending != nil: // what it waited for may have been lost
		m.goOn()
	case p.Epoch != m.held.Epoch:
		m.fetch(wire.WantSnapshot, nil, nil)
	case p.Above(m.held):
		held := m.held
		m.fetch(wire.WantDeltas, &held, nil)
	}
}

func (m *model) handle(_ mqtt.Client, message mqtt.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, reader, channel, ok := wire.ParseTopic(message.Topic())
	if !ok || reader != "" && reader != m.bundle.Reader {
		m.t.Errorf("a message on %s", message.Topic())
		return
	}
	if message.Retained() && !channel.Retained() {
		m.t.Errorf("%s was retained", channel)
	}
	if _, err := wire.Payload(channel.Kind(), message.Payload(), channel.Limit()); err != nil && channel != wire.OnReply {
		m.t.Logf("%s: %v", channel, err) // what was retained is taken back by an empty one
		return
	}
	if err := m.take(channel, message.Payload()); errors.Is(err, wire.ErrSignature) {
		m.t.Logf("%s: %v", channel, err)
	} else if err != nil {
		m.t.Errorf("%s: %v", channel, err)
	}
}

func (m *model) take(channel wire.Channel, signed []byte) error {
	site, key := m.bundle.Site, m.bundle.Controller[:]
	switch channel {
	case wire.OnReply:
		m.reply(signed)
	case wire.OnCredentials:
		delta, err := wire.OpenDelta(site, signed, key)
		if err != nil {
			return err
		}
		m.deltas++
		m.delta(delta.Delta())
	case wire.OnHead:
		return m.see(signed)
	case wire.OnNow:
		now, err := wire.OpenNow(site, signed, key)
		if err != nil {
			return err
		}
		m.heed(channel, now.Term)
		m.nows++
		if n := len(m.nonces); slices.Contains(m.nonces[max(0, n-2):], now.Nonce) {
			m.answered++
			return m.see(now.Head)
		}
	case wire.OnPolicy:
		policy, err := wire.OpenPolicy(site, signed, key)
		if err != nil {
			return err
		}
		if policy.Policy().Revision > m.policy.Revision {
			m.policy = policy.Policy()
		}
	case wire.OnKey:
		sealed, err := wire.OpenKey(site, signed, key)
		if err != nil {
			return err
		}
		keys, err := sealed.Unseal(m.board.sealing)
		if err != nil { // kept for the board that was this reader before
			m.t.Log(err)
			return nil
		}
		if had := m.keys[sealed.Epoch]; had == nil || keys.Number > had.Number {
			m.keys[sealed.Epoch] = keys
		}
		if m.pending != nil {
			m.goOn()
		}
	case wire.OnAck:
		ack, err := wire.OpenAck(site, signed, key)
		if err != nil {
			return err
		}
		m.heed(channel, ack.Term)
		if ack.Journal == m.journal && int(ack.Number) <= len(m.records) && wire.Sum(m.records[ack.Number-1]) == ack.Hash {
			m.acked = ack.Number
			m.report()
		}
	case wire.OnCard:
		keys, err := wire.OpenCardKeys(site, signed, key)
		if err != nil {
			return err
		}
		m.cardKeys = append(m.cardKeys, keys)
		if m.write != nil {
			m.write(m, keys)
		}
	case wire.OnCommand:
		command, err := wire.OpenCommand(site, signed, key)
		if err != nil {
			return err
		}
		m.heed(channel, command.Term)
		m.commands = append(m.commands, *command)
		if m.obey != nil {
			m.obey(m, command)
		}
	}
	return nil
}

// heed notes a term, which readers of a lower level refuse.
func (m *model) heed(channel wire.Channel, term uint64) {
	if m.terms[channel] = term; term != 0 && m.level < wire.LevelTerm {
		m.t.Errorf("%s to a reader of level %d has term %d", channel, m.level, term)
	}
}

// see takes a head over.
func (m *model) see(signed []byte) error {
	head, err := wire.OpenHead(m.bundle.Site, signed, m.bundle.Controller[:])
	if err != nil {
		return err
	}
	if m.head != nil {
		last, err := wire.OpenHead(m.bundle.Site, m.head, m.bundle.Controller[:])
		if err != nil {
			return err
		}
		if last.Position().Above(head.Position()) {
			return nil
		}
	}
	m.head = bytes.Clone(signed)
	m.catchUp(head.Position())
	return nil
}

func (m *model) delta(d *wire.Delta) {
	switch {
	case d.Epoch < m.held.Epoch || d.Epoch == m.held.Epoch && d.To <= m.held.Revision:
		return
	case d.Epoch > m.held.Epoch || d.From != m.held.Revision || d.FromHash != m.held.Hash:
		m.catchUp(wire.Position{Epoch: d.Epoch, Revision: d.To, Hash: d.ToHash})
		return
	}
	for _, change := range d.Changes {
		if change.Credential == nil {
			delete(m.entries, change.Tag)
		} else {
			m.entries[change.Tag] = wire.Marshal(change.Credential)
		}
	}
	m.held.Revision, m.held.Hash = d.To, d.ToHash
}

func (m *model) reply(b []byte) {
	reply, err := wire.ParseReply(b)
	if err != nil {
		m.t.Error(err)
		return
	}
	m.answers[reply.Number]++
	for _, signed := range reply.Deltas {
		delta, err := wire.OpenDelta(m.bundle.Site, signed, m.bundle.Controller[:])
		if err != nil {
			m.t.Error(err)
			return
		}
		m.delta(delta.Delta())
	}
	switch {
	case len(reply.Manifest) > 0:
		manifest := m.manifest(reply.Manifest)
		if manifest == nil {
			return
		}
		m.begin(manifest)
		m.goOn()
	case len(reply.Chunks) > 0 && m.pending != nil:
		for _, part := range reply.Chunks {
			m.chunks[part.Index] = part.Chunk
		}
		m.goOn()
	}
}

// goOn takes the pending snapshot over, or fetches what is missing of it.
func (m *model) goOn() {
	if m.finish() {
		return
	}
	place := wire.Position{Epoch: m.pending.Epoch, Revision: m.pending.Revision, Hash: m.pending.Hash}
	if missing := m.missing(); len(missing) > 0 { // else its key is
		m.fetch(wire.WantChunks, &place, missing)
	}
}

func (m *model) missing() (chunks []uint32) {
	for i := range uint32(m.pending.Chunks()) {
		if m.chunks[i] == nil && len(chunks) < 3 {
			chunks = append(chunks, i)
		}
	}
	return chunks
}

// answeredStates returns how many states of this connection were answered.
func (m *model) answeredStates() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.answered
}

// until waits for something to be true of the reader.
func (m *model) until(what string, true func() bool) {
	m.t.Helper()
	until(m.t, m.bundle.Reader+": "+what, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return true()
	})
}

// credentials returns what is held, as a copy.
func (m *model) credentials() map[wire.Tag][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.entries)
}

// come returns what comes over a channel, and waits as long as until does.
func come[T any](t testing.TB, from <-chan T, what string) (came T) {
	t.Helper()
	select {
	case came = <-from:
	case <-time.After(30 * time.Second):
		t.Fatalf("this does not come: %s", what)
	}
	return came
}

// until waits for something to be true, and looks at it often.
func until(t testing.TB, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !true(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
