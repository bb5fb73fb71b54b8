package link_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"latchkey/device/cache"
	readersync "latchkey/sync"
	"latchkey/sync/wire"
)

// A kit is a reader for another process.
type kit struct {
	Bundle                wire.Bundle
	Signing, Sealing, TLS []byte
}

// save writes a reader to a file.
func (b *board) save(bundle *wire.Bundle, name string) error {
	key, err := x509.MarshalECPrivateKey(b.tls)
	if err != nil {
		return err
	}
	return os.WriteFile(name, wire.Marshal(&kit{*bundle, b.signing.(ed25519.PrivateKey).Seed(), b.sealing.Bytes(), key}), 0o600)
}

func loadBoard(name string) (*board, *wire.Bundle, error) {
	encoded, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	var k kit
	if err := wire.Unmarshal(encoded, wire.MaxBundle, &k); err != nil {
		return nil, nil, err
	}
	b := &board{signing: ed25519.NewKeyFromSeed(k.Signing)}
	if b.sealing, err = ecdh.X25519().NewPrivateKey(k.Sealing); err != nil {
		return nil, nil, err
	}
	b.tls, err = x509.ParseECPrivateKey(k.TLS)
	return b, &k.Bundle, err
}

// watched is a cache that says when a snapshot begins to come, and when it has
// taken the place of what was held.
type watched struct {
	*cache.Cache
	begun, switched chan time.Time
}

func (w watched) Begin(manifest *wire.VerifiedManifest) (bool, error) {
	select {
	case w.begun <- time.Now():
	default:
	}
	return w.Cache.Begin(manifest)
}

func (w watched) PutChunks(epoch, revision uint64, chunks []wire.ChunkPart) (bool, error) {
	switched, err := w.Cache.PutChunks(epoch, revision, chunks)
	if switched {
		select {
		case w.switched <- time.Now():
		default:
		}
	}
	return switched, err
}

// received is how a snapshot came.
type received struct {
	Took         time.Duration // from the manifest to the snapshot in place
	Before, Most float64       // resident MB of 10^6 bytes, before and meanwhile
	LookUps      int           // meanwhile
	Wrong        int           // of them
}

// receiveSnapshot is a reader in a process of its own: it says that it is
// ready, and how the next snapshot came.
func receiveSnapshot(dir string) error {
	board, bundle, err := loadBoard(filepath.Join(dir, "kit"))
	if err != nil {
		return err
	}
	tags, names, err := contents(bundle.Snapshot)
	if err != nil {
		return err
	}
	epoch := bundle.Epoch
	up := make(chan bool, 1)
	r, err := openReader(filepath.Join(dir, "reader"), board, bundle, []string{bundle.Broker}, 0, func(n readersync.News) {
		if changed, ok := n.(readersync.LinkChanged); ok && changed.Up {
			select {
			case up <- true:
			default:
			}
		}
	})
	if err != nil {
		return err
	}
	bundle.Snapshot = nil
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.run(ctx) }()
	<-up
	time.Sleep(time.Second) // what a start needs besides
	debug.FreeOSMemory()
	var got received
	if got.Before, err = memory("VmRSS"); err != nil {
		return err
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // the most begins anew, proc(5)
		return err
	}
	if err := say("ready"); err != nil {
		return err
	}
	began := <-r.watched.begun
	for got.Took == 0 {
		i := got.LookUps % len(tags)
		switch credential, err := r.cache.Lookup(epoch, tags[i]); {
		case errors.Is(err, cache.ErrEpoch):
		case err != nil || credential.Name != names[i]:
			got.Wrong++
			fallthrough
		default:
			got.LookUps++
		}
		select {
		case end := <-r.watched.switched:
			got.Took = end.Sub(began)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if got.Most, err = memory("VmHWM"); err != nil {
		return err
	}
	cancel()
	if err := <-done; err != nil {
		return err
	}
	return say(got)
}

// contents returns the tags in a snapshot and whose they are.
func contents(snapshot []byte) (tags []wire.Tag, names []string, err error) {
	_, rest, err := wire.Next(snapshot)
	for err == nil && len(rest) > 0 {
		var item []byte
		if item, rest, err = wire.Next(rest); err != nil {
			break
		}
		chunk, err := wire.ParseChunk(item)
		if err != nil {
			return nil, nil, err
		}
		for i := range chunk.Len() {
			credential, err := chunk.Credential(i)
			if err != nil {
				return nil, nil, err
			}
			tags, names = append(tags, chunk.Tag(i)), append(names, credential.Name)
		}
	}
	return tags, names, err
}

// memory reads a figure of this process from /proc, in MB of 10^6 bytes.
func memory(name string) (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	for line := range bytes.Lines(status) {
		var kb float64
		if _, err := fmt.Sscanf(string(line), name+": %f kB", &kb); err == nil {
			return kb * 1024 / 1e6, nil
		}
	}
	return 0, errors.Join(err, errors.New("no "+name))
}
