package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/sync/wire"
)

// Scrub reads everything that is held, a chunk at a time and the deltas last, and calls
// damaged for each damaged part. Missing then returns damaged chunks. Scrub returns nil
// at the end, or when another snapshot is held meanwhile; otherwise the context's error.
func (c *Cache) Scrub(ctx context.Context, every time.Duration, damaged func(*Damage)) error {
	c.mu.RLock()
	v := c.held
	if v == nil {
		c.mu.RUnlock()
		return nil
	}
	f := v.snapshot.acquire()
	c.mu.RUnlock()
	defer f.release()

	tick := time.NewTicker(every)
	defer tick.Stop()
	b := make([]byte, wire.MaxChunk)
	for i := -1; i <= v.manifest.Chunks(); i++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		var err error
		part := i
		switch {
		case i < 0:
			err = v.scrubManifest(f)
		case i < v.manifest.Chunks():
			_, err = v.readChunk(f, i, b)
		default:
			part = -1
			err = c.scrubLog(v)
		}
		if !c.holds(v) {
			return nil
		}
		if err != nil {
			damaged(c.damaged(v, &Damage{part, err}))
		} else {
			c.sound(v, i)
		}
	}
	return nil
}

// sound notes that a chunk is not damaged, or not any more.
func (c *Cache) sound(v *view, i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == v {
		delete(c.bad, i)
	}
}

func (c *Cache) holds(v *view) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.held == v
}

func (v *view) scrubManifest(f *shared) error {
	b := make([]byte, v.offsets[0])
	if _, err := f.ReadAt(b, 0); err != nil {
		return fmt.Errorf("%s: %w", credentialsFile, err)
	}
	if wire.Sum(b) != v.sum {
		return fmt.Errorf("%s: the manifest has changed", credentialsFile)
	}
	return nil
}

// scrubLog reads the deltas as a start does. Writers wait meanwhile.
func (c *Cache) scrubLog(v *view) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.held != v || v.log == nil {
		return nil
	}
	again := &view{dir: v.dir, manifest: v.manifest, log: v.log}
	err := again.readLog(&c.o, v.end, false)
	if err == nil && again.position() != v.position() {
		err = errors.New("they do not lead to what is held")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", deltasFile, err)
	}
	return nil
}
