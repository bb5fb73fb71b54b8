package sim

import (
	"image"
	"sync"
)

// Watch sends a value soon after something visible or audible has changed: pixels,
// an output, a contact, a card, a fault. One value may stand for several changes.
// stop ends it; the channel is never closed.
func (b *Board) Watch() (changes <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	b.mu.Lock()
	b.watchers[c] = struct{}{}
	b.mu.Unlock()
	return c, sync.OnceFunc(func() {
		b.mu.Lock()
		delete(b.watchers, c)
		b.mu.Unlock()
	})
}

func (b *Board) notify() {
	for c := range b.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Screen is what a viewer sees now: the panel's memory as the glass shows it,
// upright, black while the panel sleeps or its display is off. The image is
// the caller's.
func (b *Board) Screen() *image.RGBA {
	b.mu.Lock()
	defer b.mu.Unlock()
	img := image.NewRGBA(image.Rectangle{Max: b.panel.viewSize()})
	b.panel.render(img, img.Rect)
	return img
}

// View follows the screen: it keeps which part changed since the last Update.
type View struct {
	board *Board
	img   *image.RGBA
	dirty image.Rectangle // viewer pixels; guarded by board.mu
}

// View begins to follow the screen. Close it when done.
func (b *Board) View() *View {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := &View{board: b, img: image.NewRGBA(image.Rectangle{Max: b.panel.viewSize()})}
	v.dirty = v.img.Rect
	b.views[v] = struct{}{}
	return v
}

// Update brings the view's image up to date and returns it with the rectangle
// that was redrawn: the whole screen the first time, empty if nothing changed.
// The image belongs to the view and is valid until the next Update; one
// goroutine at a time may use a View.
func (v *View) Update() (img *image.RGBA, changed image.Rectangle) {
	v.board.mu.Lock()
	defer v.board.mu.Unlock()
	changed = v.dirty
	if !changed.Empty() {
		v.board.panel.render(v.img, changed)
		v.dirty = image.Rectangle{}
	}
	return v.img, changed
}

// Close stops following the screen.
func (v *View) Close() {
	v.board.mu.Lock()
	defer v.board.mu.Unlock()
	delete(v.board.views, v)
}

// screenChanged marks viewer pixels as changed and tells the watchers.
func (b *Board) screenChanged(r image.Rectangle) {
	if r.Empty() {
		return
	}
	for v := range b.views {
		v.dirty = v.dirty.Union(r)
	}
	b.notify()
}
