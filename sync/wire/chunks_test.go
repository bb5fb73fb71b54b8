package wire

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// throughCBOR decodes a reply as every other message is.
func throughCBOR(b []byte) (*Reply, error) {
	var r Reply
	if err := Unmarshal(b, MaxReply, &r); err != nil {
		return nil, err
	}
	return &r, r.check()
}

// same checks that a reply is taken, or refused, whichever way it is decoded.
func same(t testing.TB, b []byte) (taken bool) {
	t.Helper()
	want, wantErr := throughCBOR(b)
	got, err := ParseReply(bytes.Clone(b))
	if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
		t.Fatalf("%x\nis %+v, %v\nnot %+v, %v", b, got, err, want, wantErr)
	}
	return err == nil
}

func TestAReplyOfChunksIsDecodedAsEveryOtherMessage(t *testing.T) {
	lengths := []int{0, 1, 23, 24, 255, 256, 300, 8192, MaxChunk, MaxChunk + 1}
	numbers := []uint64{0, 1, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, 1<<63 - 1}
	taken := 0
	rapid.Check(t, func(r *rapid.T) {
		reply := Reply{Number: rapid.SampledFrom(numbers).Draw(r, "number")}
		index := uint32(0)
		for range rapid.IntRange(0, 30).Draw(r, "chunks") {
			index += rapid.Uint32Range(0, 70000).Draw(r, "gap")
			reply.Chunks = append(reply.Chunks, ChunkPart{Index: index, Chunk: make([]byte, rapid.SampledFrom(lengths).Draw(r, "length"))})
		}
		b := Marshal(&reply)
		if len(b) > MaxReply {
			return
		}
		if same(t, b) {
			taken++
			if _, short := parseChunks(b); short != (len(reply.Chunks) > 0) {
				r.Error("it is not decoded the short way")
			}
		}
		// And with a byte that is another one, missing or too many.
		at := rapid.IntRange(0, min(len(b), 64)-1).Draw(r, "at")
		other := bytes.Clone(b)
		other[at] = rapid.Byte().Draw(r, "byte")
		same(t, other)
		same(t, append(bytes.Clone(b[:at]), b[at+1:]...))
		same(t, append(bytes.Clone(b), 0))
		same(t, b[:at])
	})
	if taken == 0 {
		t.Error("no reply was taken")
	}
}

func TestAReplyOfChunksIsLaidOutAsItIsEncoded(t *testing.T) {
	lengths := []int{1, 23, 24, 255, 256, 300, 8192, MaxChunk}
	numbers := []uint64{1, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, 1<<63 - 1}
	cut := 0
	rapid.Check(t, func(r *rapid.T) {
		whole := Reply{Number: rapid.SampledFrom(numbers).Draw(r, "number")}
		index, least := uint32(0), rapid.SampledFrom([]int{0, len(lengths) - 1}).Draw(r, "least")
		var chunks []uint32
		content := map[uint32][]byte{}
		for range rapid.SampledFrom([]int{1, 2, 23, 24, 40, MaxFetch}).Draw(r, "chunks") {
			index += rapid.Uint32Range(1, 70000).Draw(r, "gap")
			content[index] = bytes.Repeat([]byte{byte(index)}, rapid.SampledFrom(lengths[least:]).Draw(r, "length"))
			chunks = append(chunks, index)
			whole.Chunks = append(whole.Chunks, ChunkPart{Index: index, Chunk: content[index]})
		}
		room := make([]byte, rapid.SampledFrom([]int{0, 100, MaxReply}).Draw(r, "room"))
		got, places := LayChunks(room, whole.Number, chunks, func(i uint32) int { return len(content[i]) })
		for i, place := range places {
			if copy(place, content[chunks[i]]) != len(content[chunks[i]]) {
				r.Fatalf("chunk %d has no place", i)
			}
		}
		if left := len(chunks) - len(places); left > 0 {
			cut++
			if len(got)+len(content[chunks[len(places)]]) < MaxReply-32 {
				r.Errorf("%d chunks are left out of %d bytes", left, len(got))
			}
		}
		whole.Chunks = whole.Chunks[:len(places)]
		if want, err := whole.Encode(); err != nil || !bytes.Equal(got, want) {
			r.Errorf("%.40x…\nis not %.40x…, %v", got, want, err)
		}
		if len(room) == MaxReply && &got[0] != &room[0] {
			r.Error("it lies elsewhere")
		}
	})
	if cut == 0 {
		t.Error("nothing was too long")
	}
}

func TestAReplyOfChunksHasOneEncoding(t *testing.T) {
	good := []byte{0xa2, 1, 7, 4, 0x81, 0x82, 3, 0x42, 8, 9}
	if !same(t, good) {
		t.Fatal("the short one is refused")
	}
	for name, b := range map[string][]byte{
		"a longer map":             {0xb8, 2, 1, 7, 4, 0x81, 0x82, 3, 0x42, 8, 9},
		"a longer key":             {0xa2, 0x18, 1, 7, 4, 0x81, 0x82, 3, 0x42, 8, 9},
		"a longer number":          {0xa2, 1, 0x18, 7, 4, 0x81, 0x82, 3, 0x42, 8, 9},
		"a much longer number":     {0xa2, 1, 0x1b, 0, 0, 0, 0, 0, 0, 0, 7, 4, 0x81, 0x82, 3, 0x42, 8, 9},
		"a longer list":            {0xa2, 1, 7, 4, 0x98, 1, 0x82, 3, 0x42, 8, 9},
		"a longer index":           {0xa2, 1, 7, 4, 0x81, 0x82, 0x19, 0, 3, 0x42, 8, 9},
		"a longer chunk's length":  {0xa2, 1, 7, 4, 0x81, 0x82, 3, 0x58, 2, 8, 9},
		"an indefinite list":       {0xa2, 1, 7, 4, 0x9f, 0x82, 3, 0x42, 8, 9, 0xff},
		"an indefinite chunk":      {0xa2, 1, 7, 4, 0x81, 0x82, 3, 0x5f, 0x42, 8, 9, 0xff},
		"a text":                   {0xa2, 1, 7, 4, 0x81, 0x82, 3, 0x62, 8, 9},
		"keys in another order":    {0xa2, 4, 0x81, 0x82, 3, 0x42, 8, 9, 1, 7},
		"a key twice":              {0xa2, 1, 7, 1, 7},
		"an index that is too big": {0xa2, 1, 7, 4, 0x81, 0x82, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0, 0x42, 8, 9},
		"a third part":             {0xa2, 1, 7, 4, 0x81, 0x83, 3, 0x42, 8, 9, 0},
		"no chunks":                {0xa2, 1, 7, 4, 0x80},
		"more than there is":       {0xa2, 1, 7, 4, 0x81, 0x82, 3, 0x5b, 255, 255, 255, 255, 255, 255, 255, 255, 8, 9},
	} {
		if same(t, b) {
			t.Errorf("%s: taken", name)
		}
	}
}
