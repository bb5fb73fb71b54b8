package desk

import (
	"slices"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// SortAccess sorts accesses as people sort the names of the locations and the doors.
func SortAccess(all []*Access) {
	keys := map[string]string{} // a key is expensive
	for _, a := range all {
		keys[a.Place], keys[a.Door] = store.SortKey(a.Place), store.SortKey(a.Door)
	}
	slices.SortStableFunc(all, func(a, b *Access) int {
		return compareKeys(keys[a.Place], keys[b.Place], keys[a.Door], keys[b.Door], a.Reader, b.Reader)
	})
}
