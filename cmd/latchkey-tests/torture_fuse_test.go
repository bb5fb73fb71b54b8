package tests

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel's side of a file system in user space: the few operations of
// include/uapi/linux/fuse.h, protocol 7.31, that a data directory needs. One
// request at a time; names and attributes are never cached by the kernel, nor
// is what files hold. A request that stalls is answered when it no longer does.
const (
	fuseLookup      = 1
	fuseForget      = 2
	fuseGetattr     = 3
	fuseSetattr     = 4
	fuseMknod       = 8
	fuseMkdir       = 9
	fuseUnlink      = 10
	fuseRmdir       = 11
	fuseRename      = 12
	fuseOpen        = 14
	fuseRead        = 15
	fuseWrite       = 16
	fuseStatfs      = 17
	fuseRelease     = 18
	fuseFsync       = 20
	fuseFlush       = 25
	fuseInit        = 26
	fuseOpendir     = 27
	fuseReaddir     = 28
	fuseReleasedir  = 29
	fuseFsyncdir    = 30
	fuseCreate      = 35
	fuseInterrupt   = 36
	fuseDestroy     = 38
	fuseBatchForget = 42
	fuseRename2     = 45

	fuseDirectIO = 1 // of open_flags
	fuseBuffer   = 1<<20 + 4096
)

// request is one operation asked for.
type request struct {
	op     uint32
	unique uint64
	node   uint64
	in     []byte // what follows the header
}

func (r *request) u32(at int) uint32 { return binary.LittleEndian.Uint32(r.in[at:]) }
func (r *request) u64(at int) uint64 { return binary.LittleEndian.Uint64(r.in[at:]) }

// names returns the zero-terminated names that begin at a byte.
func (r *request) names(at int) []string {
	var all []string
	for _, name := range bytes.Split(bytes.TrimSuffix(r.in[at:], []byte{0}), []byte{0}) {
		all = append(all, string(name))
	}
	return all
}

// mounted is a disk that is mounted.
type mounted struct {
	disk   *disk
	dev    *os.File
	at     string
	served sync.WaitGroup
}

// errNoMount says that this machine lets nobody mount.
var errNoMount = errors.New("no file system in user space can be mounted here")

// mount mounts a disk until unmount.
func mount(d *disk, at string) (*mounted, error) {
	dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoMount, err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", dev.Fd(), os.Getuid(), os.Getgid())
	if err := unix.Mount("latchkey-torture", at, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		dev.Close()
		return nil, fmt.Errorf("%w: %w", errNoMount, err)
	}
	m := &mounted{disk: d, dev: dev, at: at}
	m.served.Go(m.serve)
	return m, m.unpolled()
}

// unpolled has the kernel learn that files here cannot be polled (FUSE_POLL). It would ask when
// this process first opens one: Go's runtime adds each to its epoll in a call that keeps a
// processor, and with none left to answer, nor to stop that thread, the process hangs.
func (m *mounted) unpolled() error {
	for name, id := range m.disk.nodes[rootNode].names {
		if m.disk.nodes[id].mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		fd, err := unix.Open(filepath.Join(m.at, name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return err
	}
	return nil
}

// unmount takes the disk off, whoever has files of it open.
func (m *mounted) unmount(t testing.TB) {
	m.disk.breakWith(fault{}) // what stalls goes on
	if err := unix.Unmount(m.at, unix.MNT_DETACH|unix.MNT_FORCE); err != nil {
		t.Errorf("unmount %s: %v", m.at, err)
	}
	m.served.Wait()
	m.dev.Close()
}

func (m *mounted) serve() {
	buffer := make([]byte, fuseBuffer)
	waiting := map[uint64]chan struct{}{} // requests that stall
	for {
		n, err := unix.Read(int(m.dev.Fd()), buffer)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN || err == unix.ENOENT:
			continue
		case err != nil: // ENODEV: unmounted
			return
		}
		r := &request{
			op:     binary.LittleEndian.Uint32(buffer[4:]),
			unique: binary.LittleEndian.Uint64(buffer[8:]),
			node:   binary.LittleEndian.Uint64(buffer[16:]),
			in:     buffer[40:n],
		}
		switch r.op {
		case fuseInterrupt: // a kill does not wait for a disk that stalls
			if interrupted, found := waiting[r.u64(0)]; found {
				close(interrupted)
				delete(waiting, r.u64(0))
			}
			continue
		case fuseForget, fuseBatchForget:
			continue // no answer
		}
		if goesOn := m.disk.stalls(r.op); goesOn != nil {
			r.in = bytes.Clone(r.in)
			interrupted := make(chan struct{})
			waiting[r.unique] = interrupted
			m.served.Go(func() {
				select {
				case <-goesOn:
					out, errno := m.answer(r)
					m.reply(r, out, errno)
				case <-interrupted:
					m.reply(r, nil, unix.EINTR)
				}
			})
			continue
		}
		out, errno := m.answer(r)
		m.reply(r, out, errno)
	}
}

func (m *mounted) reply(r *request, out []byte, errno unix.Errno) {
	b := binary.LittleEndian.AppendUint32(nil, uint32(16+len(out)))
	b = binary.LittleEndian.AppendUint32(b, uint32(-int32(errno)))
	b = binary.LittleEndian.AppendUint64(b, r.unique)
	unix.Write(int(m.dev.Fd()), append(b, out...)) // ENOENT: nobody waits any more
}

func (m *mounted) answer(r *request) (out []byte, errno unix.Errno) {
	le := binary.LittleEndian
	switch r.op {
	case fuseInit:
		out = make([]byte, 64)
		le.PutUint32(out, 7)
		le.PutUint32(out[4:], 31)
		le.PutUint32(out[8:], r.u32(8)) // read ahead
		le.PutUint32(out[12:], 1<<5)    // writes above a page
		le.PutUint16(out[16:], 16)
		le.PutUint16(out[18:], 12)
		le.PutUint32(out[20:], 1<<17) // of one write
		le.PutUint32(out[24:], 1)
		return out, 0
	case fuseDestroy, fuseFlush, fuseRelease, fuseReleasedir:
		return nil, 0
	}
	d := m.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if errno := d.strike(r.op, len(r.in)); errno != 0 {
		return nil, errno
	}
	n := d.nodes[r.node]
	if n == nil {
		return nil, unix.ESTALE
	}
	switch r.op {
	case fuseLookup:
		id, found := n.names[r.names(0)[0]]
		if !found {
			return nil, unix.ENOENT
		}
		return d.entry(id), 0
	case fuseGetattr:
		return append(make([]byte, 16), d.attr(r.node)...), 0
	case fuseSetattr:
		d.set(n, r.u32(0), r.u64(16), r.u32(68))
		return append(make([]byte, 16), d.attr(r.node)...), 0
	case fuseMknod:
		return d.entry(d.make(n, r.names(16)[0], r.u32(0))), 0
	case fuseMkdir:
		return d.entry(d.make(n, r.names(8)[0], r.u32(0)&0o7777|unix.S_IFDIR)), 0
	case fuseCreate:
		name := r.names(16)[0]
		if _, found := n.names[name]; found {
			return nil, unix.EEXIST
		}
		return append(d.entry(d.make(n, name, r.u32(4)&0o7777|unix.S_IFREG)), opened()...), 0
	case fuseUnlink, fuseRmdir:
		return nil, d.remove(n, r.names(0)[0], r.op == fuseRmdir)
	case fuseRename:
		names := r.names(8)
		return nil, d.rename(n, names[0], r.u64(0), names[1])
	case fuseRename2:
		if r.u32(8) != 0 {
			return nil, unix.EINVAL
		}
		names := r.names(16)
		return nil, d.rename(n, names[0], r.u64(0), names[1])
	case fuseOpen, fuseOpendir:
		return opened(), 0
	case fuseRead:
		from := min(r.u64(8), uint64(len(n.data)))
		to := min(from+uint64(r.u32(16)), uint64(len(n.data)))
		return bytes.Clone(n.data[from:to]), 0
	case fuseWrite:
		data := r.in[40 : 40+r.u32(16)]
		took, errno := d.write(n, r.u64(8), data)
		if errno != 0 {
			return nil, errno
		}
		out = make([]byte, 8)
		le.PutUint32(out, uint32(took))
		return out, 0
	case fuseFsync, fuseFsyncdir:
		n.settle()
		return nil, 0
	case fuseReaddir:
		return d.list(n, r.u64(8), r.u32(16)), 0
	case fuseStatfs:
		out = make([]byte, 80)
		for at, v := range []uint64{1 << 20, d.free(), d.free(), 1 << 20, 1 << 20} {
			le.PutUint64(out[8*at:], v)
		}
		le.PutUint32(out[40:], 4096)
		le.PutUint32(out[44:], 255)
		le.PutUint32(out[48:], 4096)
		return out, 0
	}
	return nil, unix.ENOSYS
}

func opened() []byte {
	out := make([]byte, 16)
	binary.LittleEndian.PutUint32(out[8:], fuseDirectIO)
	return out
}
