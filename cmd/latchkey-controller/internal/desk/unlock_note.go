package desk

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// An UnlockNote is what a program says of an unlock. Zero: nothing. Its fields in errors are
// "actor_id", "actor_name", "extra".
type UnlockNote struct {
	Remark             string          // for the audit
	ActorID, ActorName string          // for whom, as the program knows them: both, or neither
	Extra              json.RawMessage // an object, which webhooks get as it is; nil or null: none
}

// Bounds of what a program says of an unlock.
const (
	maxRemark     = 64      // bytes, as in the audit
	maxActor      = 128     // bytes, each
	maxExtra      = 4 << 10 // bytes, without white space: a webhook's body should be below 20 kB
	maxExtraDepth = 8       // objects and lists in each other
)

// store returns what of a note is kept with the order, or what is wrong with it.
func (n UnlockNote) store() (kept store.UnlockNote, err error) {
	kept.ActorID, kept.ActorName = Clean(n.ActorID), Clean(n.ActorName)
	switch {
	case (n.ActorID == "") != (n.ActorName == ""):
		return kept, wrong("actor_id", "Send actor_id and actor_name, or neither")
	case len(kept.ActorID) > maxActor:
		return kept, wrong("actor_id", "actor_id may have %d bytes at most", maxActor)
	case len(kept.ActorName) > maxActor:
		return kept, wrong("actor_name", "actor_name may have %d bytes at most", maxActor)
	case len(n.Extra) == 0, string(n.Extra) == "null":
		return kept, nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, n.Extra); err != nil || b.Bytes()[0] != '{' {
		return kept, wrong("extra", "extra must be an object")
	}
	if !utf8.Valid(b.Bytes()) { // which Compact passes on
		return kept, wrong("extra", "extra must be in UTF-8")
	}
	if b.Len() > maxExtra || depth(b.Bytes()) > maxExtraDepth {
		return kept, wrong("extra", "The field extra may have %d bytes at most, and %d objects and lists in each other", maxExtra, maxExtraDepth)
	}
	kept.Extra = b.String()
	return kept, nil
}

// depth returns how many objects and lists are in each other in valid JSON.
func depth(b []byte) (most int) {
	for at, inText, i := 0, false, 0; i < len(b); i++ {
		switch c := b[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{', c == '[':
			at++
			most = max(most, at)
		case c == '}', c == ']':
			at--
		}
	}
	return most
}
