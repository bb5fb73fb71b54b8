package tests

import (
	"encoding/binary"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// disk is a disk in memory that fails on demand and that forgets at a power
// cut what was not brought to it: of a file the writes since its last fsync or
// fdatasync, of a directory the names since its own last fsync.
type disk struct {
	mu     sync.Mutex
	nodes  map[uint64]*node
	last   uint64
	random *rand.Rand
	fault  fault
	struck int // operations that the fault has hit

	stalled chan struct{} // closed when operations that do not return go on; nil: all return
}

// node is a file or directory.
type node struct {
	mode  uint32
	data  []byte            // of a file
	names map[string]uint64 // of a directory

	durable      []byte            // data as of the last fsync
	durableNames map[string]uint64 // and names
	writes       []change          // since then
	renames      []map[string]uint64
}

// change is one write to a file, or its cut to a size.
type change struct {
	at   uint64
	data []byte // nil: cut to at
}

// fault is what goes wrong. Its zero value is nothing.
type fault struct {
	name  string
	errno unix.Errno
	after int  // operations of its kind that still succeed
	count int  // operations that fail then; -1: all until the fault is gone
	torn  bool // a write that fails has written a part
	stall bool // they do not return until the fault is gone
	kinds []uint32
}

// Kinds of operations that a fault may hit.
var (
	modifying = []uint32{fuseSetattr, fuseMknod, fuseMkdir, fuseUnlink, fuseRmdir, fuseRename, fuseRename2, fuseWrite, fuseCreate}
	growing   = []uint32{fuseMknod, fuseMkdir, fuseWrite, fuseCreate}
	syncing   = []uint32{fuseFsync, fuseFsyncdir}
)

const rootNode = 1

// load makes a disk that holds what a directory holds, all of it durable.
func load(dir string, random *rand.Rand) (*disk, error) {
	d := &disk{nodes: map[uint64]*node{rootNode: {mode: unix.S_IFDIR | 0o700, names: map[string]uint64{}}}, last: rootNode, random: random}
	at := map[string]*node{".": d.nodes[rootNode]}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == "." || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := uint32(info.Mode().Perm()) | unix.S_IFREG
		if entry.IsDir() {
			mode = uint32(info.Mode().Perm()) | unix.S_IFDIR
		}
		n := d.nodes[d.make(at[filepath.Dir(path)], filepath.Base(path), mode)]
		at[path] = n
		if !entry.IsDir() {
			n.data, err = os.ReadFile(filepath.Join(dir, path))
		}
		return err
	})
	for _, n := range d.nodes {
		n.settle()
	}
	return d, err
}

// save writes what the disk holds into an empty directory: what a running
// system sees, or what is left after a cut if all that is unsynced is lost.
func (d *disk) save(dir string, durable bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.saveNode(dir, d.nodes[rootNode], durable)
}

func (d *disk) saveNode(path string, n *node, durable bool) error {
	switch n.mode & unix.S_IFMT {
	case unix.S_IFREG:
		if durable {
			return os.WriteFile(path, n.durable, 0o600)
		}
		return os.WriteFile(path, n.data, 0o600)
	case unix.S_IFDIR:
	default:
		return nil
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	names := n.names
	if durable {
		names = n.durableNames
	}
	for name, id := range names {
		if err := d.saveNode(filepath.Join(path, name), d.nodes[id], durable); err != nil {
			return err
		}
	}
	return nil
}

// cut cuts the power: of each file some of the writes since its last fsync are
// there, the last of these perhaps in part, or all but some of their sectors, which
// are what they were before; the file may be longer than what it holds, by zeros; of
// each directory the names are those of some moment since its last fsync.
func (d *disk) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(d.nodes)) {
		n := d.nodes[id]
		data := slices.Clone(n.durable)
		for _, c := range n.writes[:d.random.IntN(len(n.writes)+1)] {
			if d.random.IntN(3) == 0 {
				continue // later ones can be there without it
			}
			before := data
			switch {
			case c.data == nil:
				data = c.to(data)
			case d.random.IntN(3) == 0:
				data = d.someSectors(before, c.to(slices.Clone(before)))
			case d.random.IntN(2) == 0:
				c.data = c.data[:d.random.IntN(len(c.data)+1)]
				fallthrough
			default:
				data = c.to(data)
			}
		}
		if len(n.writes) > 0 && d.random.IntN(4) == 0 {
			data = append(data, make([]byte, d.random.IntN(4096))...)
		}
		n.data = data
		if moments := append([]map[string]uint64{n.durableNames}, n.renames...); n.names != nil {
			n.names = maps.Clone(moments[d.random.IntN(len(moments))])
		}
		n.settle()
	}
	d.setFault(fault{})
}

// someSectors returns what a file held before a write, with some sectors of what it
// was to hold after it.
func (d *disk) someSectors(before, after []byte) []byte {
	const sector = 512
	data := append(slices.Clone(before), make([]byte, max(0, len(after)-len(before)))...)
	for at := 0; at < len(after); at += sector {
		if d.random.IntN(2) == 0 {
			copy(data[at:], after[at:min(at+sector, len(after))])
		}
	}
	return data
}

// to applies a change to what a file holds.
func (c change) to(data []byte) []byte {
	if c.data == nil {
		if uint64(len(data)) > c.at {
			return data[:c.at]
		}
		return append(data, make([]byte, c.at-uint64(len(data)))...)
	}
	if end := c.at + uint64(len(c.data)); uint64(len(data)) < end {
		data = append(data, make([]byte, end-uint64(len(data)))...)
	}
	copy(data[c.at:], c.data)
	return data
}

// settle makes what a node holds durable.
func (n *node) settle() {
	n.durable, n.writes = slices.Clone(n.data), nil
	n.durableNames, n.renames = maps.Clone(n.names), nil
}

// breakWith has operations fail from now on; the zero fault ends that.
func (d *disk) breakWith(f fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.setFault(f)
}

func (d *disk) setFault(f fault) {
	if d.stalled != nil {
		close(d.stalled)
		d.stalled = nil
	}
	if d.fault = f; f.stall {
		d.stalled = make(chan struct{})
	}
}

// stalls returns what an operation has to wait for before it is carried out.
func (d *disk) stalls(op uint32) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stalled == nil || !slices.Contains(d.fault.kinds, op) {
		return nil
	}
	d.struck++
	return d.stalled
}

// hits returns how many operations have failed.
func (d *disk) hits() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.struck
}

// strike says whether an operation fails. A torn write is for write to fail.
func (d *disk) strike(op uint32, _ int) unix.Errno {
	if op == fuseWrite && d.fault.torn || !d.due(op) {
		return 0
	}
	return d.fault.errno
}

func (d *disk) due(op uint32) bool {
	f := &d.fault
	if f.errno == 0 || f.count == 0 || !slices.Contains(f.kinds, op) {
		return false
	}
	if f.after > 0 {
		f.after--
		return false
	}
	if f.count > 0 {
		f.count--
	}
	d.struck++
	return true
}

// free is how many blocks are.
func (d *disk) free() uint64 {
	if d.fault.errno == unix.ENOSPC && d.fault.after == 0 && d.fault.count != 0 {
		return 0
	}
	return 1 << 19
}

// make makes a file or directory and returns its number.
func (d *disk) make(in *node, name string, mode uint32) uint64 {
	d.last++
	n := &node{mode: mode}
	if mode&unix.S_IFMT == unix.S_IFDIR {
		n.names, n.durableNames = map[string]uint64{}, map[string]uint64{}
	}
	d.nodes[d.last] = n
	in.names[name] = d.last
	in.renamed()
	return d.last
}

func (n *node) renamed() { n.renames = append(n.renames, maps.Clone(n.names)) }

func (d *disk) remove(in *node, name string, dir bool) unix.Errno {
	id, found := in.names[name]
	switch {
	case !found:
		return unix.ENOENT
	case dir && len(d.nodes[id].names) > 0:
		return unix.ENOTEMPTY
	}
	delete(in.names, name)
	in.renamed()
	return 0
}

func (d *disk) rename(from *node, name string, toDir uint64, to string) unix.Errno {
	id, found := from.names[name]
	target := d.nodes[toDir]
	if !found || target == nil {
		return unix.ENOENT
	}
	if old, found := target.names[to]; found && len(d.nodes[old].names) > 0 {
		return unix.ENOTEMPTY
	}
	delete(from.names, name)
	target.names[to] = id
	from.renamed()
	if target != from {
		target.renamed()
	}
	return 0
}

// write writes to a file; a torn write fails and leaves a part.
func (d *disk) write(n *node, at uint64, data []byte) (int, unix.Errno) {
	var errno unix.Errno
	if d.fault.torn && d.due(fuseWrite) {
		errno = d.fault.errno
		data = data[:d.random.IntN(len(data)+1)]
	}
	if len(data) > 0 {
		c := change{at, slices.Clone(data)}
		n.data = c.to(n.data)
		n.writes = append(n.writes, c)
	}
	return len(data), errno
}

// set changes mode and size, as far as valid says.
func (d *disk) set(n *node, valid uint32, size uint64, mode uint32) {
	if valid&1 != 0 {
		n.mode = n.mode&unix.S_IFMT | mode&0o7777
	}
	if valid&8 != 0 {
		c := change{at: size}
		n.data = c.to(n.data)
		n.writes = append(n.writes, c)
	}
}

// attr is struct fuse_attr of a node.
func (d *disk) attr(id uint64) []byte {
	n := d.nodes[id]
	b := make([]byte, 88)
	le := binary.LittleEndian
	le.PutUint64(b, id)
	le.PutUint64(b[8:], uint64(len(n.data)))
	le.PutUint64(b[16:], uint64(len(n.data)+511)/512)
	le.PutUint32(b[60:], n.mode)
	le.PutUint32(b[64:], 1)
	le.PutUint32(b[68:], uint32(os.Getuid()))
	le.PutUint32(b[72:], uint32(os.Getgid()))
	le.PutUint32(b[80:], 4096)
	return b
}

// entry is struct fuse_entry_out of a node, valid for no time.
func (d *disk) entry(id uint64) []byte {
	b := make([]byte, 40)
	binary.LittleEndian.PutUint64(b, id)
	return append(b, d.attr(id)...)
}

// list is a part of a directory, in struct fuse_dirent.
func (d *disk) list(n *node, from uint64, size uint32) (out []byte) {
	names := slices.Sorted(maps.Keys(n.names))
	for i := int(from); i < len(names); i++ {
		id := n.names[names[i]]
		b := binary.LittleEndian.AppendUint64(nil, id)
		b = binary.LittleEndian.AppendUint64(b, uint64(i+1))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(names[i])))
		b = binary.LittleEndian.AppendUint32(b, d.nodes[id].mode>>12)
		b = append(b, names[i]...)
		b = append(b, make([]byte, -len(b)&7)...)
		if len(out)+len(b) > int(size) {
			break
		}
		out = append(out, b...)
	}
	return out
}
