package site

import "latchkey/cmd/latchkey-controller/internal/store"

// absent says that there is no such user or reader; it is a store.ErrNotFound.
type absent string

func (a absent) Error() string { return string(a) }

func (a absent) Is(target error) bool { return target == store.ErrNotFound }
