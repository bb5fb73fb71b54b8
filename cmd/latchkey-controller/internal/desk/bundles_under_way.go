package desk

import (
	"context"
	"errors"
	"sync"
)

// mostUnderWay is how many boards may fetch their bundles at once. Each bundle is in memory meanwhile, and may have
// wire.MaxBundle bytes.
const mostUnderWay = 2

// ErrBundlesUnderWay says that as many boards fetch their bundles as may at once.
var ErrBundlesUnderWay = errors.New("other boards fetch their bundles now")

// bundlesUnderWay are the bundles that boards fetch now. Each is there once, whoever asks for it: somebody who replays a board's
// request can take as long as he likes, and that neither fills the memory nor keeps the board waiting.
type bundlesUnderWay struct {
	mu sync.Mutex
	of map[uint64]*bundleUnderWay // by number
}

type bundleUnderWay struct {
	sealed []byte
	askers int
}

// take returns the bundle with a number, which is under way until ctx ends. It calls read if it is not under way yet; empty:
// there is none.
func (u *bundlesUnderWay) take(ctx context.Context, number uint64, read func() ([]byte, error)) (sealed []byte, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	b := u.of[number]
	if b == nil {
		if len(u.of) == mostUnderWay {
			return nil, ErrBundlesUnderWay
		}
		if sealed, err = read(); err != nil || len(sealed) == 0 {
			return nil, err
		}
		if u.of == nil {
			u.of = map[uint64]*bundleUnderWay{}
		}
		b = &bundleUnderWay{sealed: sealed}
		u.of[number] = b
	}
	b.askers++
	context.AfterFunc(ctx, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if b.askers--; b.askers == 0 {
			delete(u.of, number)
		}
	})
	return b.sealed, nil
}
