package sync

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"latchkey/sync/wire"
)

// genuine is one message of each channel that a reader in step would act on,
// as its payload, and how the controller sends it.
func genuine(w *world) map[wire.Channel][]byte {
	c := w.controller
	nonce := c.state.Nonce
	w.link.states.sent[0].answered = false // so that a now counts
	next := c.position
	next.Revision, next.Hash = next.Revision+1, wire.Hash{1}
	policy := *c.policy
	policy.Revision++
	key := must(wire.SealKey(readerID, c.position.Epoch+1, someKeys(1), sealingKey.PublicKey()))
	last, hash := w.journal.Last()
	ack := &wire.Ack{Reader: readerID, Journal: w.journal.id, Number: last, Hash: hash, Term: 7}
	w.link.records.acked = 0
	w.link.waiting = waitingCard{wire.CommandID{1}, w.now + time.Minute}
	c.lead(7)
	w.link.states.term = 6
	delta := must(wire.Payload(wire.KindDelta, c.change(wire.Change{Tag: wire.Tag{1}}), wire.MaxDelta))
	return map[wire.Channel][]byte{
		wire.OnCredentials: delta,
		wire.OnHead:        wire.Marshal(&next),
		wire.OnPolicy:      wire.Marshal(&policy),
		wire.OnKey:         wire.Marshal(key),
		wire.OnCommand:     wire.Marshal(&wire.Command{Reader: readerID, Nonce: nonce, ID: wire.CommandID{1}, Order: wire.Unlock, By: "Grace", Term: c.term}),
		wire.OnCard:        wire.Marshal(cardKeys(wire.CommandID{1})),
		wire.OnNow:         wire.Marshal(&wire.Now{Reader: readerID, Nonce: nonce, Time: c.wall().UnixMilli(), Head: c.head(), PolicyRevision: policy.Revision, Term: c.term}),
		wire.OnAck:         wire.Marshal(ack),
	}
}

// forgeries are wrong in one thing each. malformed are signed by the controller
// all the same.
func forgeries(c wire.Channel, payload []byte) map[string][]byte {
	right := must(wire.Sign(c.Kind(), site, payload, controllerKey))
	otherSite := site
	otherSite[0] ^= 1
	made := map[string][]byte{
		"nothing":              nil,
		"not signed":           payload,
		"signed by the reader": must(wire.Sign(c.Kind(), site, payload, readerKey)),
		"signed by a stranger": must(wire.Sign(c.Kind(), site, payload, ed25519.NewKeyFromSeed(seed(1)))),
		"of another site":      must(wire.Sign(c.Kind(), otherSite, payload, controllerKey)),
		"too long":             append(bytes.Clone(right), make([]byte, c.Limit())...),
		"a trailing byte":      append(bytes.Clone(right), 0),
		"nested lists":         bytes.Repeat([]byte{0x81}, 60000),
		"nested in the envelope": append(append(bytes.Clone(right[:7]), bytes.Repeat([]byte{0x81}, 50000)...),
			right[len(right)-66:]...),
		"a claim of 4 GiB": append(bytes.Clone(right[:7]), 0x5b, 0, 0, 0, 1, 0, 0, 0, 0),
		"a longer head":    append(append(bytes.Clone(right[:7]), 0x5a, 0, 0, byte(len(payload)>>8), byte(len(payload))), right[len(right)-len(payload)-66:]...),
	}
	for _, kind := range []wire.Kind{wire.KindManifest, wire.KindDelta, wire.KindPolicy, wire.KindCommand, wire.KindBundle, wire.KindHead, wire.KindKey, wire.KindCard, wire.KindNow, wire.KindAck, wire.KindState} {
		if kind != c.Kind() {
			made["signed as "+string(kind)] = must(wire.Sign(kind, site, payload, controllerKey))
		}
	}
	for i := 0; i < len(right); i += max(1, len(right)/40) {
		made[fmt.Sprintf("cut after %d bytes", i)] = right[:i]
		flipped := bytes.Clone(right)
		flipped[i] ^= 4
		made[fmt.Sprintf("a bit of byte %d", i)] = flipped
	}
	for name, b := range malformed(payload) {
		made[name] = must(wire.Sign(c.Kind(), site, b, controllerKey))
	}
	return made
}

// malformed are other encodings of a map, and maps that are not quite it.
func malformed(payload []byte) map[string][]byte {
	members := payload[0] & 0x1f
	body := payload[1:]
	var fields map[uint64]cbor.RawMessage
	if err := cbor.Unmarshal(payload, &fields); err != nil || members > 23 {
		panic(err)
	}
	keys := slices.Sorted(maps.Keys(fields))
	made := map[string][]byte{
		"an indefinite map":   slices.Concat([]byte{0xbf}, body, []byte{0xff}),
		"a longer map head":   slices.Concat([]byte{0xb8, members}, body),
		"an unknown key":      slices.Concat([]byte{0xa0 | members + 1}, body, []byte{0x18, 99, 0}),
		"a text key":          slices.Concat([]byte{0xa0 | members + 1}, body, []byte{0x61, 'a', 0}),
		"a duplicate key":     slices.Concat([]byte{0xa0 | members + 1}, body, wire.Marshal(keys[0]), fields[keys[0]]),
		"a tag around it":     slices.Concat([]byte{0xd9, 0xd9, 0xf7}, payload),
		"one byte more":       slices.Concat(payload, []byte{0}),
		"an empty map":        {0xa0},
		"a list":              {0x80},
		"a null":              {0xf6},
		"a list in each list": bytes.Repeat([]byte{0x81}, 30000),
	}
	write := func(name string, keys []uint64, long uint64) {
		b := []byte{0xa0 | byte(len(keys))}
		for _, k := range keys {
			if k == long {
				b = append(b, 0x18)
			}
			b = slices.Concat(b, wire.Marshal(k), fields[k])
		}
		made[name] = b
	}
	backwards := slices.Clone(keys)
	slices.Reverse(backwards)
	write("unsorted keys", backwards, 0)
	write("a longer key", keys, keys[len(keys)-1])
	for i, k := range keys {
		write(fmt.Sprintf("no member %d", k), slices.Delete(slices.Clone(keys), i, i+1), 0)
	}
	return made
}

// before returns all that a refusal must leave as it is.
func (w *world) before() string {
	l := *w.link
	l.refusals, l.now, l.wake, l.actions = nil, 0, 0, nil
	return fmt.Sprintf("%+v %+v %+v %+v", l, w.cache, w.policy, w.journal)
}

func TestAForgedMessageOfAnyKindChangesNothing(t *testing.T) {
	optional := map[wire.Channel]string{
		wire.OnNow:  "no member 5", // a controller without a policy leaves it out
		wire.OnCard: "no member 3", // the controller declines the card

		wire.OnCommand: "no member 10", // without a term it is refused, and that is a record
	}
	for _, channel := range []wire.Channel{wire.OnCredentials, wire.OnHead, wire.OnPolicy, wire.OnKey, wire.OnCommand, wire.OnCard, wire.OnNow, wire.OnAck} {
		w := started(t)
		payload := genuine(w)[channel]
		topic := channel.Topic(siteName, readerID)
		made := forgeries(channel, payload)
		for _, name := range slices.Sorted(maps.Keys(made)) {
			if name == optional[channel] || channel == wire.OnPolicy && strings.HasPrefix(name, "no member") {
				continue // of a policy each is looked at in package wire
			}
			clear(w.link.refusals)
			before, heard := w.before(), len(w.news)
			w.step(Message{Topic: topic, Payload: made[name]})
			if got := w.before(); got != before {
				t.Errorf("%s: %s changes\n%s to\n%s", channel, name, before, got)
			}
			if reasons := w.refusedSince(heard); len(reasons) != 1 || len(w.news) != heard+1 || !strings.HasPrefix(reasons[0], string(channel)+": ") {
				t.Errorf("%s: %s is refused as %q", channel, name, reasons)
			} else if name == "too long" && !strings.Contains(reasons[0], "bytes, at most") {
				t.Errorf("%s: what is too long is looked at: %q", channel, reasons)
			}
		}
		right := must(wire.Sign(channel.Kind(), site, payload, controllerKey))
		if !channel.Retained() {
			before := w.before()
			w.step(Message{Topic: topic, Payload: right, Retained: true})
			if w.before() != before {
				t.Errorf("%s: retained, it counts", channel)
			}
		}
		for _, other := range []string{"latchkey/v1/home/back-door/" + string(channel), "latchkey/v1/away/" + strings.TrimPrefix(topic, "latchkey/v1/home/"), "latchkey/v1/home/x", ""} {
			before := w.before()
			w.step(Message{Topic: other, Payload: right})
			if w.before() != before {
				t.Errorf("%s: on %s it counts", channel, other)
			}
		}
		before := w.before()
		w.step(Message{Topic: topic, Payload: right})
		if w.before() == before {
			t.Errorf("%s: even as it should be it changes nothing", channel)
		}
	}
}

func TestWhatIsForAnotherReaderChangesNothing(t *testing.T) {
	w := started(t)
	other := must(ecdh.X25519().NewPrivateKey(seed(3)))
	policy := *w.controller.policy
	policy.Reader, policy.Revision = "back-door", policy.Revision+1
	keys := cardKeys(wire.CommandID{1})
	keys.Reader = "back-door"
	w.link.waiting = waitingCard{keys.Command, w.now + time.Minute}
	last, hash := w.journal.Last()
	w.link.records.acked = 0
	w.link.states.sent[0].answered = false
	for channel, message := range map[wire.Channel]any{
		wire.OnPolicy:  &policy,
		wire.OnKey:     must(wire.SealKey("back-door", w.controller.position.Epoch+1, someKeys(1), sealingKey.PublicKey())),
		wire.OnCommand: &wire.Command{Reader: "back-door", Nonce: w.controller.state.Nonce, ID: wire.CommandID{1}, Order: wire.Unlock, By: "Grace"},
		wire.OnCard:    keys,
		wire.OnNow:     &wire.Now{Reader: "back-door", Nonce: w.controller.state.Nonce, Time: w.controller.wall().UnixMilli(), Head: w.controller.head()},
		wire.OnAck:     &wire.Ack{Reader: "back-door", Journal: w.journal.id, Number: last, Hash: hash},
	} {
		before, heard := w.before(), len(w.news)
		w.step(Message{Topic: channel.Topic(siteName, readerID), Payload: sign(channel.Kind(), message)})
		if w.before() != before {
			t.Errorf("%s: it counts", channel)
		}
		if reasons := w.refusedSince(heard); !slices.Equal(reasons, []string{string(channel) + ": for another reader"}) || w.news[heard].(Refused).Command != nil {
			t.Errorf("%s: %q", channel, reasons)
		}
	}
	heard := len(w.news)
	w.step(Message{Topic: wire.OnKey.Topic(siteName, readerID), Payload: sign(wire.KindKey, must(wire.SealKey(readerID, w.controller.position.Epoch+1, someKeys(1), other.PublicKey())))})
	if reasons := w.refusedSince(heard); len(reasons) != 1 || w.link.key.key != nil {
		t.Errorf("a key sealed to another board: %q", reasons)
	}
}

func TestWhatIsOlderChangesNothing(t *testing.T) {
	w := started(t)
	old := map[wire.Channel][]byte{
		wire.OnHead: w.controller.head(), wire.OnPolicy: sign(wire.KindPolicy, w.controller.policy), wire.OnKey: w.controller.key(),
	}
	oldDelta := w.controller.change(wire.Change{Tag: wire.Tag{1}})
	w.controller.startEpoch(w.controller.position.Epoch + 1)
	newer := *w.controller.policy
	newer.Revision++
	w.controller.policy = &newer
	w.controller.publishAll()
	w.controller.add(0, 1)
	w.run(time.Minute)
	w.inStep()
	old[wire.OnCredentials] = oldDelta
	for channel, b := range old {
		before, heard := w.before(), len(w.news)
		w.step(Message{Topic: channel.Topic(siteName, readerID), Payload: b})
		if w.before() != before {
			t.Errorf("%s: it counts", channel)
		}
		if reasons := w.refusedSince(heard); len(reasons) != 1 || !strings.Contains(reasons[0], "older") {
			t.Errorf("%s: %q", channel, reasons)
		}
	}
	// What is held comes again at each connection, and is no refusal.
	heard := len(w.news)
	w.step(Message{Topic: wire.OnPolicy.Topic(siteName, readerID), Payload: sign(wire.KindPolicy, &newer), Retained: true})
	w.step(Message{Topic: wire.OnHead.Topic(siteName, readerID), Payload: w.controller.head(), Retained: true})
	w.step(Message{Topic: wire.OnCredentials.Topic(siteName, ""), Payload: w.controller.deltas[0]})
	w.deliver()
	if reasons := w.refusedSince(heard); len(reasons) != 0 {
		t.Errorf("what is held is refused: %q", reasons)
	}
	w.inStep()
}

// receiving returns a world in which chunks of a snapshot are asked for.
func receiving(t *testing.T) (*world, fetch) {
	w := newWorld(t)
	w.controller.fill(40000)
	w.controller.publishAll()
	w.connect()
	for len(w.link.fetches.open) < chunkFetches {
		w.deliverOne()
	}
	w.toSite = nil
	for len(w.events)+len(w.toReader) > 0 {
		w.deliverOne()
	}
	return w, w.link.fetches.open[0]
}

func TestAReplyThatProvesNothingChangesNothing(t *testing.T) {
	topic := wire.OnReply.Topic(siteName, readerID)
	w, open := receiving(t)
	part := func(as, i uint32) wire.ChunkPart {
		return wire.ChunkPart{Index: as, Chunk: w.controller.snapshot[i+1]}
	}
	first, second := open.chunks[0], open.chunks[1]
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"nested lists":         bytes.Repeat([]byte{0x81}, 60000),
		"too long":             make([]byte, wire.MaxReply+1),
		"an answer to nothing": wire.Marshal(&wire.Reply{Number: 999, Chunks: []wire.ChunkPart{part(first, first)}}),
		"no number":            wire.Marshal(&wire.Reply{Chunks: []wire.ChunkPart{part(first, first)}}),
		"an unknown key":       {0xa2, 0x01, byte(open.number), 0x18, 99, 0},
	} {
		before, heard := w.before(), len(w.news)
		w.step(Message{Topic: topic, Payload: b})
		if w.before() != before || len(w.refusedSince(heard)) != 1 {
			t.Errorf("%s: refused as %q", name, w.refusedSince(heard))
		}
	}
	for name, make := range map[string]func() *wire.Reply{
		"a chunk that was not asked for": func() *wire.Reply {
			i := first + chunksPerFetch*chunkFetches
			return &wire.Reply{Chunks: []wire.ChunkPart{part(i, i)}}
		},
		"swapped chunks": func() *wire.Reply {
			return &wire.Reply{Chunks: []wire.ChunkPart{part(first, second), part(second, first)}}
		},
		"a chunk with a bit changed": func() *wire.Reply {
			chunk := bytes.Clone(w.controller.snapshot[first+1])
			chunk[99] ^= 1
			return &wire.Reply{Chunks: []wire.ChunkPart{{Index: first, Chunk: chunk}}}
		},
		"deltas for chunks": func() *wire.Reply {
			return &wire.Reply{Deltas: [][]byte{w.controller.change(wire.Change{Tag: wire.Tag{1}})}}
		},
	} {
		w, open = receiving(t)
		reply := make()
		reply.Number = open.number
		parts, heard := len(w.cache.parts), len(w.news)
		w.step(Message{Topic: topic, Payload: wire.Marshal(reply)})
		for len(w.events) > 0 {
			w.deliverOne()
		}
		if len(w.cache.parts) != parts || len(w.refusedSince(heard)) != 1 || w.cache.held.Epoch != 0 {
			t.Errorf("%s: %d chunks, refused as %q", name, len(w.cache.parts), w.refusedSince(heard))
		}
		w.run(5 * time.Minute) // what was asked for is asked for again
		w.controller.sendHead()
		w.run(time.Minute)
		w.inStep()
	}
}

func TestAManifestThatIsNoneOfThisSiteIsRefused(t *testing.T) {
	w := started(t)
	w.controller.add(0, 2)
	w.deliver()
	manifest := func(change func(*wire.Manifest)) []byte {
		m := must(wire.OpenManifest(site, w.controller.snapshot[0], publicKey(controllerKey))).Manifest()
		m.Revision = 5
		change(m)
		return sign(wire.KindManifest, m)
	}
	for name, b := range map[string][]byte{
		"of another site":   manifest(func(m *wire.Manifest) { m.Site[0] ^= 1 }),
		"of an older epoch": manifest(func(m *wire.Manifest) { m.Epoch-- }),
		"weak parameters":   manifest(func(m *wire.Manifest) { m.KDF.Memory = 8 << 10 }),
		"not signed":        must(wire.Payload(wire.KindManifest, w.controller.snapshot[0], wire.MaxManifest)),
		"signed as a delta": sign(wire.KindDelta, w.controller.position),
		"older than held":   w.controller.snapshot[0],
	} {
		clear(w.link.refusals)
		w.link.log.short = true // it asks for a snapshot
		w.link.fetches.went(askLog)
		w.step(Tick{})
		open := w.link.fetches.open
		if len(open) != 1 {
			t.Fatalf("%s: %d fetches are open", name, len(open))
		}
		w.toSite = nil
		held, heard := w.cache.held, len(w.news)
		w.step(Message{Topic: wire.OnReply.Topic(siteName, readerID), Payload: wire.Marshal(&wire.Reply{Number: open[0].number, Manifest: b})})
		w.deliver()
		if w.cache.incoming != nil || w.cache.held != held || len(w.refusedSince(heard)) != 1 {
			t.Errorf("%s: refused as %q", name, w.refusedSince(heard))
		}
	}
}

func TestRefusalsAreCountedAndNotToldOneByOne(t *testing.T) {
	w := started(t)
	heard := len(w.news)
	for range 1000 {
		w.step(Message{Topic: wire.OnCommand.Topic(siteName, readerID), Payload: []byte{1}})
		w.step(Message{Topic: "latchkey/v1/home/front-door/unknown"})
	}
	told := map[string]int{}
	for _, r := range w.refusedSince(heard) {
		kind, _, _ := strings.Cut(r, ":")
		told[kind]++
	}
	if !maps.Equal(told, map[string]int{"command": 10, "topic": 10}) {
		t.Errorf("told are %v", told)
	}
	heard = len(w.news)
	w.run(time.Minute)
	reasons := w.refusedSince(heard)
	slices.Sort(reasons)
	if len(reasons) != 2 || !strings.HasPrefix(reasons[0], "command: 990 more within a minute") || !strings.HasPrefix(reasons[1], "topic: 990 more") {
		t.Errorf("a minute later: %q", reasons)
	}
	heard = len(w.news)
	w.step(Message{Topic: wire.OnCommand.Topic(siteName, readerID), Payload: []byte{1}})
	if len(w.refusedSince(heard)) != 1 {
		t.Error("in the next minute the first is not told")
	}
	w.run(2 * time.Minute)
	if got := len(w.refusedSince(heard)); got != 1 {
		t.Errorf("one refusal is told %d times", got)
	}
}
