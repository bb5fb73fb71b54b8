package wire

import (
	"bytes"
	"crypto"
	"errors"
	"strings"
	"testing"

	"github.com/veraison/go-cose"
)

// readCOSE reads an envelope with the COSE library alone. It refuses one that Sign
// would not write.
func readCOSE(b []byte, limit int) error {
	message := cose.NewSign1Message()
	if err := message.UnmarshalCBOR(b); err != nil {
		return err
	}
	again, err := message.MarshalCBOR()
	if err == nil && (len(b) > limit+envelopeOverhead || len(message.Payload) > limit || message.Payload == nil ||
		len(message.Signature) != 64 || !bytes.HasPrefix(b, envelope) || !bytes.Equal(b, again)) {
		err = errors.New("not as Sign writes it")
	}
	return err
}

// fuzz checks of one decoder that it never panics, and that what it accepts is
// the encoding of what it returns, which may be kept.
func fuzz(f *testing.F, kind string) {
	for name, b := range payloads(f) {
		f.Add(b)
		if strings.HasPrefix(name, kind) {
			for i := range b {
				changed := bytes.Clone(b)
				changed[i] ^= 0x21
				f.Add(changed)
			}
		}
	}
	for _, b := range refusals(f) {
		f.Add(b)
	}
	parse := parsers[kind]
	f.Fuzz(func(t *testing.T, b []byte) {
		message, err := parse(bytes.Clone(b))
		if err != nil {
			return
		}
		if again, err := Encode(message); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x was read as %x, %v", b, again, err)
		}
	})
}

func FuzzCredential(f *testing.F) { fuzz(f, "credential") }
func FuzzChange(f *testing.F)     { fuzz(f, "change") }
func FuzzDelta(f *testing.F)      { fuzz(f, "delta") }
func FuzzManifest(f *testing.F)   { fuzz(f, "manifest") }
func FuzzPolicy(f *testing.F)     { fuzz(f, "policy") }
func FuzzCommand(f *testing.F)    { fuzz(f, "command") }
func FuzzRecord(f *testing.F)     { fuzz(f, "record") }
func FuzzRequest(f *testing.F)    { fuzz(f, "request") }
func FuzzSealed(f *testing.F)     { fuzz(f, "sealed") }

func FuzzHead(f *testing.F)        { fuzz(f, "head") }
func FuzzKey(f *testing.F)         { fuzz(f, "key") }
func FuzzEpochKeys(f *testing.F)   { fuzz(f, "epochkeys") }
func FuzzNow(f *testing.F)         { fuzz(f, "now") }
func FuzzCardKeys(f *testing.F)    { fuzz(f, "card") }
func FuzzCardToKey(f *testing.F)   { fuzz(f, "tokey") }
func FuzzCardKeySets(f *testing.F) { fuzz(f, "keysets") }
func FuzzAck(f *testing.F)         { fuzz(f, "ack") }
func FuzzState(f *testing.F)       { fuzz(f, "state") }
func FuzzRecords(f *testing.F)     { fuzz(f, "records") }
func FuzzFetch(f *testing.F)       { fuzz(f, "fetch") }
func FuzzReply(f *testing.F)       { fuzz(f, "reply") }

func FuzzHandover(f *testing.F)       { fuzz(f, "handover") }
func FuzzHandoverAnswer(f *testing.F) { fuzz(f, "answer") }

// FuzzParseTopic takes topics apart and puts them together again.
func FuzzParseTopic(f *testing.F) {
	for _, c := range channels {
		f.Add(c.Topic("home", "front-door"))
	}
	f.Fuzz(func(t *testing.T, topic string) {
		if site, reader, c, ok := ParseTopic(topic); ok && c.Topic(site, reader) != topic {
			t.Errorf("%q is %q of %q at %q", topic, c, reader, site)
		}
	})
}

// FuzzChunk also looks into the chunks that it can read.
func FuzzChunk(f *testing.F) {
	for _, b := range payloads(f) {
		f.Add(b)
	}
	one := func(tags, ends, records string) []byte {
		return []byte("\x83" + tags + strings.Repeat("\x01", 16) + ends + "\x00\x01" + records + "\x01")
	}
	f.Add(one("\x50", "\x42", "\x41")) // byte strings
	f.Add(one("\x90", "\x42", "\x41")) // arrays of numbers, as long as they
	f.Add(one("\x50", "\x82", "\x41"))
	f.Add(one("\x50", "\x42", "\x81"))
	f.Add(one("\x58\x10", "\x42", "\x41")) // a longer head
	f.Fuzz(func(t *testing.T, b []byte) {
		chunk, err := ParseChunk(b)
		if err != nil {
			return
		}
		if again := Marshal(chunk); !bytes.Equal(again, b) {
			t.Errorf("%x was read as %x", b, again)
		}
		for i := range chunk.Len() {
			if at, found := chunk.Find(chunk.Tag(i)); !found || at != i {
				t.Errorf("tag %d is found at %d, %t", i, at, found)
			}
			if c, err := chunk.Credential(i); err == nil && c.Check() != nil {
				t.Errorf("credential %d is returned though it is refused", i)
			}
		}
	})
}

// FuzzEnvelope reads signed messages, which nothing but the key's owner makes.
func FuzzEnvelope(f *testing.F) {
	genuine := map[string]bool{}
	for name, b := range vectors(f) {
		f.Add(b)
		if strings.HasSuffix(name, "signed") {
			genuine[string(b)] = true
		}
	}
	for _, b := range [][]byte{
		append(append(bytes.Clone(envelope), 0x40, 0x58, 64), make([]byte, 64)...),       // no payload
		append(append(bytes.Clone(envelope), 0xf6, 0x58, 64), make([]byte, 64)...),       // a detached one
		append(append(bytes.Clone(envelope), 0x81, 0, 0x58, 64), make([]byte, 64)...),    // a list of bytes
		append(append(bytes.Clone(envelope), 0x58, 1, 0, 0x58, 64), make([]byte, 64)...), // a longer head
		append(append(bytes.Clone(envelope), 0x41, 0, 0x58, 65), make([]byte, 65)...),
		append(append(bytes.Clone(envelope), 0x41, 0, 0x59, 0, 64), make([]byte, 64)...),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range []Kind{KindManifest, KindDelta, KindPolicy, KindCommand, KindBundle, KindHead, KindKey, KindNow, KindAck} {
			payload, err := verify(kind, testSite, b, MaxMessage, publicKey(testController))
			if err == nil && !genuine[string(b)] {
				t.Errorf("%s %x passes for signed", kind, b)
			}
			unchecked, unsigned := Payload(kind, b, MaxMessage)
			if err == nil && (unsigned != nil || !bytes.Equal(unchecked, payload)) {
				t.Errorf("%s: Payload returns %x, Open %x", kind, unchecked, payload)
			}
			if err := readCOSE(b, MaxMessage); (err == nil) != (unsigned == nil) {
				t.Errorf("%s: Payload says %v, the envelope read as COSE %v", kind, unsigned, err)
			}
		}
	})
}

// FuzzReadersEnvelope reads signed messages of readers under a key of each algorithm.
func FuzzReadersEnvelope(f *testing.F) {
	genuine := map[string]bool{}
	for name, b := range vectors(f) {
		f.Add(b)
		if strings.HasSuffix(name, "signed") {
			genuine[string(b)] = true
			for _, start := range [][]byte{envelope, envelopeES256} {
				f.Add(append(bytes.Clone(start), b[len(start):]...))
			}
		}
	}
	keys := map[string]crypto.PublicKey{string(envelope): testReader.Public(), string(envelopeES256): testTPMSigner(f).Public()}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range []Kind{KindState, KindRecords, KindFetch} {
			unchecked, unsigned := Payload(kind, b, MaxMessage)
			for start, key := range keys {
				payload, err := verify(kind, testSite, b, MaxMessage, key)
				if err == nil && (!genuine[string(b)] || !strings.HasPrefix(string(b), start)) {
					t.Errorf("%s %x passes for signed", kind, b)
				}
				if err == nil && (unsigned != nil || !bytes.Equal(unchecked, payload)) {
					t.Errorf("%s: Payload returns %x, Open %x", kind, unchecked, payload)
				}
			}
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	for _, b := range vectors(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, fingerprint, err := ParseRequest(b); err == nil && fingerprint != Fingerprint(r.Lasting()) {
			t.Errorf("%x: fingerprint %s", b, fingerprint)
		}
	})
}

func FuzzOpenBundle(f *testing.F) {
	request, key := testRequest(f), testSealing(f)
	for _, b := range payloads(f) {
		f.Add(b)
	}
	stored := payloads(f)["sealed-bundle"]
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := OpenBundle(b, request, key); err == nil && !bytes.Equal(b, stored) {
			t.Errorf("%x opens", b)
		}
	})
}

func FuzzNext(f *testing.F) {
	_, snapshot := testSnapshot(f)
	f.Add(snapshot)
	for _, b := range vectors(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		item, rest, err := Next(b)
		if err == nil && (len(item) == 0 || !bytes.Equal(append(bytes.Clone(item), rest...), b)) {
			t.Errorf("%x was split into %x and %x", b, item, rest)
		}
	})
}
