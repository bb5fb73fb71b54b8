package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTheChainIsTheOneThatIsDescribed(t *testing.T) {
	epoch := binary.BigEndian.AppendUint64(nil, testEpoch)
	want := sha256.Sum256(epoch)
	if Start(testEpoch) != want {
		t.Error("h(0) is not the hash of the epoch")
	}
	change := testDelta().Changes[0]
	h := Start(testEpoch)
	want = sha256.Sum256(append(want[:], Marshal(change)...))
	if h.Extend(change) != want {
		t.Error("h(1) is not the hash of h(0) and the change")
	}
	if h != Start(testEpoch) {
		t.Error("extending a hash has changed it")
	}
}

func TestADeltaWhoseNumbersOrHashesDoNotFitIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Delta){
		"too high an end":         func(d *Delta) { d.To++ },
		"too low an end":          func(d *Delta) { d.To-- },
		"an end before its start": func(d *Delta) { d.From, d.To = d.To, d.From },
		"no changes":              func(d *Delta) { d.Changes, d.To, d.ToHash = nil, d.From, d.FromHash },
		"another start":           func(d *Delta) { d.FromHash[0] ^= 1 },
		"another end":             func(d *Delta) { d.ToHash[31] ^= 1 },
		"changes in another order": func(d *Delta) {
			d.Changes[0], d.Changes[1] = d.Changes[1], d.Changes[0]
		},
		"a credential that is none": func(d *Delta) {
			d.Changes[0].Credential = &Credential{ID: 1, Kind: 3, User: 1}
			d.ToHash = d.FromHash
			for _, c := range d.Changes {
				d.ToHash = d.ToHash.Extend(c)
			}
		},
	} {
		d := testDelta()
		change(d)
		if err := CheckPayload(KindDelta, Marshal(d)); err == nil {
			t.Errorf("%s: parsed", name)
		}
		if _, err := d.Sign(testSite, testController); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

func TestADeltaIsAtMost64KiBSigned(t *testing.T) {
	d := &Delta{FromHash: Start(1), ToHash: Start(1), Epoch: 1}
	for {
		change := Change{Tag: Tag(fill(1, 16)), Credential: &Credential{ID: 1, Kind: PIN, User: 1, Name: strings.Repeat("x", 64)}}
		d.Changes, d.To, d.ToHash = append(d.Changes, change), d.To+1, d.ToHash.Extend(change)
		signed, err := d.Sign(testSite, testController)
		if err != nil {
			if len(Marshal(d)) < MaxDelta-200 {
				t.Errorf("refused at %d bytes: %v", len(Marshal(d)), err)
			}
			return
		}
		if len(signed) > MaxDelta {
			t.Fatalf("%d bytes are signed", len(signed))
		}
	}
}

func TestACredentialThatNoControllerWritesIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Credential){
		"no id":                   func(c *Credential) { c.ID = 0 },
		"no user":                 func(c *Credential) { c.User = 0 },
		"no kind":                 func(c *Credential) { c.Kind = 0 },
		"an unknown kind":         func(c *Credential) { c.Kind = 3 },
		"a time before 1970":      func(c *Credential) { c.From = -1 },
		"an end before 1970":      func(c *Credential) { c.Until = -1 },
		"an end before its start": func(c *Credential) { c.From, c.Until = 5, 5 },
		"a long name":             func(c *Credential) { c.Name = strings.Repeat("é", 33) },
		"a name in two lines":     func(c *Credential) { c.Name = "Ada\nLovelace" },
		"a name that deletes":     func(c *Credential) { c.Name = "Ada\x7f" },
		"a C1 control":            func(c *Credential) { c.Name = "Ada\u0085" },
		"a line separator":        func(c *Credential) { c.Name = "Ada\u2028" },
		"a name from the right":   func(c *Credential) { c.Name = "\u202eecalevoL adA" },
		"an isolate":              func(c *Credential) { c.Name = "\u2066Ada" },
		"no UTF-8":                func(c *Credential) { c.Name = "\xff" },
		"unsorted groups":         func(c *Credential) { c.Groups = []string{"b", "a"} },
		"a group twice":           func(c *Credential) { c.Groups = []string{"a", "a"} },
		"everyone by name":        func(c *Credential) { c.Groups = []string{Everyone} },
		"no group's name":         func(c *Credential) { c.Groups = []string{"Staff"} },
		"many groups":             func(c *Credential) { c.Groups = manyGroups(MaxGroups + 1) },
	} {
		c := Credential{ID: 1, Kind: PIN, User: 1, Name: "Ada"}
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Check(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func manyGroups(n int) []string {
	groups := make([]string, n)
	for i := range groups {
		groups[i] = fmt.Sprintf("g%031d", i)
	}
	return groups
}

func TestEveryoneIsInEveryone(t *testing.T) {
	c := Credential{Groups: []string{"cleaners", "staff"}}
	for group, want := range map[string]bool{Everyone: true, "cleaners": true, "staff": true, "boss": false, "": false} {
		if c.In(group) != want {
			t.Errorf("%q: %t", group, !want)
		}
	}
}

// drawEntries draws a set of credentials with different tags.
func drawEntries(t *rapid.T) []Entry {
	tags := rapid.SliceOfNDistinct(rapid.SliceOfN(rapid.Byte(), 16, 16), 0, 400, func(b []byte) string { return string(b) }).Draw(t, "tags")
	long := rapid.Bool().Draw(t, "long")
	entries := make([]Entry, len(tags))
	for i, tag := range tags {
		c := Credential{ID: uint64(i + 1), Kind: PIN, User: 1}
		if long {
			c.Groups = manyGroups(MaxGroups)
		}
		entries[i] = Entry{Tag(tag), c}
	}
	return entries
}

func TestEveryCredentialOfASnapshotIsFoundInItsChunk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawEntries(t)
		m := &Manifest{Site: testSite, Epoch: 1, Revision: 7, Hash: Start(1), KDF: testKDF}
		snapshot, err := WriteSnapshot(m, entries, testController)
		if err != nil {
			t.Fatal(err)
		}
		item, rest, err := Next(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := OpenManifest(testSite, item, publicKey(testController))
		if err != nil {
			t.Fatal(err)
		}
		read := opened.Manifest()
		if !bytes.Equal(Marshal(read), Marshal(m)) || read.Count != uint64(len(entries)) {
			t.Fatalf("%+v, %v", read, err)
		}
		next := 0
		for i := range read.Chunks() {
			b := rest[:read.ChunkLength(i)]
			rest = rest[len(b):]
			if item, _, err := Next(b); err != nil || len(item) != len(b) || len(b) > chunkAim || read.CheckChunk(i, b) != nil {
				t.Fatalf("chunk %d: %d bytes, %v", i, len(b), err)
			}
			chunk, err := ParseChunk(b)
			if err != nil || !bytes.Equal(chunk.Tags[:16], read.FirstTags[16*i:16*i+16]) {
				t.Fatalf("chunk %d: %v", i, err)
			}
			for j := range chunk.Len() {
				at, found := chunk.Find(entries[next].Tag)
				if !found || at != j {
					t.Fatalf("chunk %d: tag %d is at %d, %t", i, j, at, found)
				}
				if c, err := chunk.Credential(at); err != nil || c.ID != entries[next].Credential.ID {
					t.Fatalf("chunk %d: credential %d: %v, %v", i, j, c, err)
				}
				if _, found := chunk.Find(Tag(flip(entries[next].Tag[:], 7))); found {
					t.Fatalf("chunk %d: a tag is found that nobody has", i)
				}
				next++
			}
		}
		if next != len(entries) || len(rest) != 0 {
			t.Fatalf("%d of %d credentials are in the chunks, %d bytes are left", next, len(entries), len(rest))
		}
	})
}

func TestTwoCredentialsOfOneTagMakeNoSnapshot(t *testing.T) {
	entries := testCredentials()
	entries[2].Tag = entries[0].Tag
	if _, err := WriteSnapshot(&Manifest{KDF: testKDF}, entries, testController); err == nil {
		t.Error("a snapshot with one tag twice")
	}
}

func TestAManifestWhoseTablesDoNotFitIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Manifest){
		"a length too many":   func(m *Manifest) { m.Lengths = append(m.Lengths, 1, 1) },
		"half a length":       func(m *Manifest) { m.Lengths = m.Lengths[:1] },
		"a short tag":         func(m *Manifest) { m.FirstTags = m.FirstTags[:15] },
		"no hash":             func(m *Manifest) { m.Hashes = nil },
		"no chunk":            func(m *Manifest) { m.FirstTags, m.Lengths, m.Hashes = nil, nil, nil },
		"too few credentials": func(m *Manifest) { m.Count = 0 },
		"an empty chunk":      func(m *Manifest) { m.Lengths = []byte{0, 0} },
		"a big chunk":         func(m *Manifest) { m.Lengths = []byte{0x80, 0x01} },
		"chunks out of order": func(m *Manifest) { double(m); m.FirstTags[0] = 0xff },
		"one chunk twice":     func(m *Manifest) { double(m) },
		"little memory":       func(m *Manifest) { m.KDF.Memory = 16<<10 - 1 },
		"much memory":         func(m *Manifest) { m.KDF.Memory = 64<<10 + 1 },
		"one pass":            func(m *Manifest) { m.KDF.Time = 1 },
		"eleven passes":       func(m *Manifest) { m.KDF.Time = 11 },
		"no lane":             func(m *Manifest) { m.KDF.Threads = 0 },
		"five lanes":          func(m *Manifest) { m.KDF.Threads = 5 },
	} {
		m, _ := testSnapshot(t)
		change(m)
		if err := CheckPayload(KindManifest, Marshal(m)); err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func double(m *Manifest) {
	m.Count = 4
	m.FirstTags = append(m.FirstTags, m.FirstTags...)
	m.Lengths = append(m.Lengths, m.Lengths...)
	m.Hashes = append(m.Hashes, m.Hashes...)
}

func TestAChunkWhoseTablesDoNotFitIsRefused(t *testing.T) {
	_, snapshot := testSnapshot(t)
	_, rest, err := Next(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Chunk){
		"no credentials":    func(c *Chunk) { *c = Chunk{} },
		"a tag too few":     func(c *Chunk) { c.Tags = c.Tags[:16] },
		"half an end":       func(c *Chunk) { c.Ends = c.Ends[:3] },
		"an empty record":   func(c *Chunk) { c.Ends = append(c.Ends[2:4:4], c.Ends[2:4]...) },
		"ends that go back": func(c *Chunk) { c.Ends[0] = 0xff },
		"records left over": func(c *Chunk) { c.Records = append(c.Records, 0xa0) },
		"records too short": func(c *Chunk) { c.Records = c.Records[:len(c.Records)-1] },
		"unsorted tags":     func(c *Chunk) { c.Tags = append(c.Tags[16:32:32], c.Tags[:16]...) },
		"a tag twice":       func(c *Chunk) { c.Tags = append(c.Tags[:16:16], c.Tags[:16]...) },
	} {
		c, err := ParseChunk(bytes.Clone(rest))
		if err != nil {
			t.Fatal(err)
		}
		change(c)
		if read, err := ParseChunk(Marshal(c)); err == nil || read != nil {
			t.Errorf("%s: %v, %v", name, read, err)
		}
	}
	c, err := ParseChunk(bytes.Clone(rest))
	if err != nil {
		t.Fatal(err)
	}
	c.Records[2] = 0 // the id of the first credential
	if read, err := c.Credential(0); err == nil || read != nil {
		t.Errorf("a credential without an id: %v, %v", read, err)
	}
}

func TestAPlaceIsAboveAnotherByItsEpochThenItsRevision(t *testing.T) {
	held := Position{Epoch: 5, Revision: 3}
	for _, test := range []struct {
		epoch, revision uint64
		above           bool
	}{{4, 99, false}, {5, 2, false}, {5, 3, false}, {5, 4, true}, {6, 0, true}} {
		if got := (Position{Epoch: test.epoch, Revision: test.revision}).Above(held); got != test.above {
			t.Errorf("epoch %d, revision %d: %v", test.epoch, test.revision, got)
		}
	}
}
