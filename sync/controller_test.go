package sync

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"maps"
	"slices"
	"time"

	"latchkey/sync/wire"
)

const (
	siteName = "home"
	readerID = "front-door"
)

func seed(first byte) []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

var (
	site          = wire.SiteID(seed(0x10)[:16])
	controllerKey = ed25519.NewKeyFromSeed(seed(0x20))
	readerKey     = ed25519.NewKeyFromSeed(seed(0x40))
	sealingKey    = must(ecdh.X25519().NewPrivateKey(seed(0x80)))
	kdf           = wire.KDF{Salt: [16]byte(seed(0x60)), Memory: 19456, Time: 2, Threads: 4}
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func sign(kind wire.Kind, message any) []byte {
	return must(wire.Sign(kind, site, wire.Marshal(message), controllerKey))
}

func publicKey(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// controller is a controller as PROTOCOL.md describes it, for one reader and
// in memory. What it does not do is keep time: a test calls minute.
type controller struct {
	send func(c wire.Channel, payload []byte, retained bool) // to the broker
	wall func() time.Time

	position wire.Position
	keys     *wire.EpochKeys // what the reader gets
	content  map[wire.Tag]wire.Credential
	deltas   [][]byte // of this epoch, signed
	before   wire.Hash
	snapshot [][]byte // signed manifest, chunks
	at       wire.Position
	policy   *wire.Policy

	state      *wire.State // the newest
	offline    bool
	offlines   int // how often it was told so
	connection uint64
	fetched    uint64
	enrol      *ecdh.PrivateKey
	cards      map[wire.CommandID][]byte
	keyed      []*wire.CardToKey                    // the cards of personalises, as they came
	keysFor    func(*wire.CardToKey) *wire.CardKeys // nil: none are sent
	records    map[wire.JournalID]map[uint64][]byte
	alarms     int // records that were there with another hash
	acked      uint64
	forkedLog  bool
	answered   map[wire.CommandID]wire.RecordKind
	silent     bool // it does not answer states

	term    uint64 // 0: it knows none
	highest uint64 // term that any had
}

func newController() *controller {
	c := &controller{
		content: map[wire.Tag]wire.Credential{}, cards: map[wire.CommandID][]byte{},
		records: map[wire.JournalID]map[uint64][]byte{}, answered: map[wire.CommandID]wire.RecordKind{},
	}
	c.startEpoch(1767225600)
	policy := wire.DefaultPolicy(readerID, "Front door")
	policy.Revision = 1767225600
	c.policy = &policy
	return c
}

// someKeys returns keys with a number.
func someKeys(number uint64) *wire.EpochKeys {
	return &wire.EpochKeys{Number: number, PIN: seed(byte(number)), Card: seed(byte(number) + 1)}
}

// startEpoch starts a log of what there is.
func (c *controller) startEpoch(epoch uint64) {
	c.position = wire.Position{Epoch: epoch, Hash: wire.Start(epoch)}
	c.keys = someKeys(epoch)
	c.deltas, c.before = nil, wire.Hash{}
	c.makeSnapshot()
}

func (c *controller) makeSnapshot() {
	m := &wire.Manifest{Site: site, Epoch: c.position.Epoch, Revision: c.position.Revision, Hash: c.position.Hash, KDF: kdf}
	var entries []wire.Entry
	for tag, credential := range c.content {
		entries = append(entries, wire.Entry{Tag: tag, Credential: credential})
	}
	rest := must(wire.WriteSnapshot(m, entries, controllerKey))
	c.snapshot, c.at = nil, c.position
	for len(rest) > 0 {
		item, tail, err := wire.Next(rest)
		if err != nil {
			panic(err)
		}
		c.snapshot, rest = append(c.snapshot, item), tail
	}
}

// change adds entries to the log, as one delta, and returns it unpublished.
func (c *controller) change(changes ...wire.Change) []byte {
	d := &wire.Delta{
		Epoch: c.position.Epoch, From: c.position.Revision, To: c.position.Revision + uint64(len(changes)),
		FromHash: c.position.Hash, ToHash: c.position.Hash, Before: c.before, Changes: changes,
	}
	for _, change := range changes {
		d.ToHash = d.ToHash.Extend(change)
		delete(c.content, change.Tag)
		if change.Credential != nil {
			c.content[change.Tag] = *change.Credential
		}
	}
	c.position.Revision, c.position.Hash, c.before = d.To, d.ToHash, wire.Sum(wire.Marshal(d))
	signed := must(d.Sign(site, controllerKey))
	c.deltas = append(c.deltas, signed)
	return signed
}

// add adds n credentials, first and following, and publishes the change.
func (c *controller) add(first, n int) {
	var changes []wire.Change
	for i := range n {
		tag, credential := credential(first + i)
		changes = append(changes, wire.Change{Tag: tag, Credential: &credential})
	}
	c.send(wire.OnCredentials, c.change(changes...), false)
	c.sendHead()
}

func credential(i int) (wire.Tag, wire.Credential) {
	sum := wire.Sum(binaryNumber(i))
	return wire.Tag(sum[:16]), wire.Credential{ID: uint64(i + 1), Kind: wire.PIN, User: uint64(i + 1), Name: "somebody with a name of some length"}
}

func binaryNumber(i int) []byte { return []byte{byte(i >> 16), byte(i >> 8), byte(i)} }

func (c *controller) sendHead() { c.send(wire.OnHead, c.head(), true) }
func (c *controller) head() []byte {
	return sign(wire.KindHead, c.position)
}

// publishAll publishes what is retained.
func (c *controller) publishAll() {
	c.send(wire.OnKey, c.key(), true)
	c.sendHead()
	c.send(wire.OnPolicy, sign(wire.KindPolicy, c.policy), true)
}

func (c *controller) key() []byte {
	return sign(wire.KindKey, must(wire.SealKey(readerID, c.position.Epoch, c.keys, sealingKey.PublicKey())))
}

// minute is what it does each minute.
func (c *controller) minute() {
	if !c.silent {
		c.sendHead()
	}
}

// receive takes what the reader published.
func (c *controller) receive(topic string, signed []byte, retained bool) {
	_, reader, channel, _ := wire.ParseTopic(topic)
	if reader != readerID {
		panic("the reader's own message is another's")
	}
	switch channel {
	case wire.OnState:
		c.takeState(must(wire.OpenState(site, signed, publicKey(readerKey))), retained)
	case wire.OnFetch:
		if f := must(wire.OpenFetch(site, signed, publicKey(readerKey))); f.Connection == c.connection && f.Number > c.fetched {
			c.fetched = f.Number
			c.send(wire.OnReply, must(c.reply(f).Encode()), false)
		}
	case wire.OnRecords:
		c.takeRecords(must(wire.OpenRecords(site, signed, publicKey(readerKey))))
	}
}

func (c *controller) takeState(s *wire.State, retained bool) {
	switch {
	case s.Connection < c.connection, retained:
		return
	case s.Counter == 0:
		c.offline = c.offline || s.Connection == c.connection
		c.offlines++
		return
	case s.Connection == c.connection && c.state != nil && s.Counter <= c.state.Counter:
		return
	}
	if s.Connection > c.connection {
		c.connection, c.fetched = s.Connection, 0
	}
	c.state, c.offline = s, false
	if c.silent {
		return
	}
	if s.Card != nil && c.enrol != nil {
		if card, err := s.Card.UnsealCardToKey(c.enrol); err == nil {
			c.keyed = append(c.keyed, card)
			if c.keysFor != nil {
				c.send(wire.OnCard, sign(wire.KindCard, c.keysFor(card)), false)
			}
		} else {
			c.cards[s.Card.Command] = must(s.Card.Unseal(c.enrol))
		}
	}
	if s.Head != nil && must(wire.OpenHead(site, s.Head, publicKey(controllerKey))).Position().Above(c.position) {
		c.forkedLog = true
		c.startEpoch(c.position.Epoch + 1)
		c.publishAll()
	}
	c.answer(s.Nonce)
}

func (c *controller) answer(nonce wire.Nonce) {
	c.send(wire.OnNow, sign(wire.KindNow, &wire.Now{
		Reader: readerID, Nonce: nonce, Time: c.wall().UnixMilli(), Head: c.head(), PolicyRevision: c.policy.Revision, Term: c.term,
	}), false)
}

func (c *controller) reply(f *wire.Fetch) *wire.Reply {
	r := &wire.Reply{Number: f.Number}
	switch f.Want {
	case wire.WantDeltas:
		if f.Position.Epoch == c.position.Epoch {
			for _, signed := range c.deltas {
				d := must(wire.OpenDelta(site, signed, publicKey(controllerKey))).Delta()
				follows := d.From == f.Position.Revision && d.FromHash == f.Position.Hash || len(r.Deltas) > 0
				if follows && len(r.Deltas) < 3 {
					r.Deltas = append(r.Deltas, signed)
				}
			}
			if len(r.Deltas) > 0 {
				return r
			}
		}
		r.Manifest = c.snapshot[0]
	case wire.WantSnapshot:
		if f.Position != nil && (f.Position.Above(c.at) || *f.Position == c.at) {
			c.makeSnapshot()
		}
		r.Manifest = c.snapshot[0]
	case wire.WantChunks:
		if *f.Position == c.at {
			for _, i := range f.Chunks {
				if int(i)+1 < len(c.snapshot) {
					r.Chunks = append(r.Chunks, wire.ChunkPart{Index: i, Chunk: c.snapshot[i+1]})
				}
			}
		}
	}
	return r
}

func (c *controller) takeRecords(r *wire.Records) {
	held := c.records[r.Journal]
	if held == nil {
		held = map[uint64][]byte{}
		c.records[r.Journal] = held
	}
	for _, b := range r.Records {
		record := must(wire.ParseRecord(b))
		if before, ok := held[record.Number]; ok && !bytes.Equal(before, b) {
			c.alarms++
			continue
		}
		held[record.Number] = b
		if record.Command != (wire.CommandID{}) {
			c.answered[record.Command] = record.Kind
		}
	}
	number := r.First - 1
	for held[number+1] != nil {
		number++
	}
	if number >= r.First {
		c.acked = number
		c.acknowledge(r.Journal)
	}
}

func (c *controller) acknowledge(journal wire.JournalID) {
	c.send(wire.OnAck, sign(wire.KindAck, &wire.Ack{Reader: readerID, Journal: journal, Number: c.acked, Hash: wire.Sum(c.records[journal][c.acked]), Term: c.term}), false)
}

// order sends a command for the newest nonce.
func (c *controller) order(id byte, order wire.Order) *wire.Command {
	command := &wire.Command{Reader: readerID, Nonce: c.state.Nonce, ID: wire.CommandID(bytes.Repeat([]byte{id}, 16)), Order: order, By: "Grace", Term: c.term}
	if order.ReadsCard() {
		c.enrol = must(ecdh.X25519().NewPrivateKey(seed(id)))
		command.Sealing = [32]byte(c.enrol.PublicKey().Bytes())
	}
	c.send(wire.OnCommand, sign(wire.KindCommand, command), false)
	return command
}

// tags returns what the reader is to hold.
func (c *controller) tags() []wire.Tag {
	return slices.SortedFunc(maps.Keys(c.content), func(a, b wire.Tag) int { return bytes.Compare(a[:], b[:]) })
}
