package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxAside is how many directories of damaged files are kept, if they are not longer
// together than a journal may be. The newest is kept until its room is needed.
const maxAside = 4

const asidePrefix = "damaged-"

// clear makes the directory ready for a new segment: it is there, and no files
// of a journal that has ended are.
func (j *Journal) clear() error {
	if len(j.segments) > 0 {
		return nil
	}
	if err := os.MkdirAll(j.o.Dir, 0o700); err != nil {
		return err
	}
	if err := j.syncDir(filepath.Dir(j.o.Dir)); err != nil {
		return err
	}
	if j.aside == "" {
		return nil
	}
	firsts, err := j.list()
	if err != nil {
		return err
	}
	// In ascending order: should this be cut short, the damaged segment is the
	// newest still, and no older one is taken for it.
	if err := j.setAside(j.aside, firsts...); err != nil {
		return err
	}
	j.aside = ""
	return nil
}

// setAside moves segments into a new directory, with a file that says why. Of
// those set aside before, the oldest go.
func (j *Journal) setAside(reason string, firsts ...uint64) (err error) {
	numbers, err := j.asides()
	if err != nil {
		return err
	}
	next := 1
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	dir := j.path(asidePrefix + strconv.Itoa(next))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	moved := 0
	defer func() {
		if err != nil && moved == 0 {
			os.RemoveAll(dir)
		}
	}()
	if err := os.WriteFile(filepath.Join(dir, "reason.txt"), []byte(reason+"\n"), 0o600); err != nil {
		return err
	}
	for _, first := range firsts {
		name := segmentName(first)
		if err := os.Rename(j.path(name), filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set %s aside: %w", name, err)
		}
		moved++
		if err := j.syncDir(dir); err != nil {
			return err
		}
		if err := j.syncDir(j.o.Dir); err != nil {
			return err
		}
	}
	return j.boundAsides(append(numbers, next))
}

// boundAsides removes the oldest of the directories of damaged files that are beyond
// the bounds.
func (j *Journal) boundAsides(numbers []int) error {
	bytes := int64(0)
	for i, number := range slices.Backward(numbers) {
		dir := j.path(asidePrefix + strconv.Itoa(number))
		bytes += sizeOf(dir)
		if i == len(numbers)-1 || i >= len(numbers)-maxAside && bytes <= j.o.MaxBytes {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// sizeOf returns how long the files of a directory are together.
func sizeOf(dir string) (bytes int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// withRoom does something once more, without what was set aside before, if the disk
// had no room for it.
func (j *Journal) withRoom(do func() error) error {
	err := do()
	if noRoom(err) && j.dropAside() {
		err = do()
	}
	return err
}

// dropAside removes the files that were set aside, and says whether there were any.
func (j *Journal) dropAside() bool {
	numbers, err := j.asides()
	if err != nil || len(numbers) == 0 {
		return false
	}
	for _, number := range numbers {
		if os.RemoveAll(j.path(asidePrefix+strconv.Itoa(number))) != nil {
			return false
		}
	}
	return j.syncDir(j.o.Dir) == nil
}

// asides returns the numbers of the directories of damaged files, ascending.
func (j *Journal) asides() (numbers []int, err error) {
	entries, err := os.ReadDir(j.o.Dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if digits, found := strings.CutPrefix(entry.Name(), asidePrefix); found {
			if n, err := strconv.Atoi(digits); err == nil {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
