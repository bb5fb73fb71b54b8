package main

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"
)

// chips are the emulated chips of a board, as a person at the door uses them.
// Those in the machine answer the bench's own calls too (guest/calls.go).
type chips struct{ *client }

func (c *chips) touch(x, y int, down bool) {
	c.do("POST", "/api/touch", map[string]any{"x": x, "y": y, "down": down}, nil)
}

func (c *chips) present(uid string) { c.do("PUT", "/api/card", map[string]string{"uid": uid}, nil) }

// presentChip presents a card with a chip, fresh from the factory the first time.
func (c *chips) presentChip(uid, kind string) {
	c.do("PUT", "/api/card", map[string]string{"uid": uid, "kind": kind}, nil)
}

func (c *chips) removeCard() { c.do("DELETE", "/api/card", nil, nil) }

// picture is what a viewer sees, as PNG.
func (c *chips) picture() (b []byte) {
	c.do("GET", "/api/screen.png", nil, &b)
	return b
}

// screen is picture's image.
func (c *chips) screen() *image.RGBA {
	decoded, err := png.Decode(bytes.NewReader(c.picture()))
	check(err)
	img := image.NewRGBA(decoded.Bounds())
	draw.Draw(img, img.Rect, decoded, img.Rect.Min, draw.Src)
	return img
}

// pixels is the screen of a machine's reader. Unlike screen it does not have the
// emulated processor, which is slow, compress a PNG.
func (c *chips) pixels() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, 240, 320))
	var pix []byte
	c.do("GET", "/bench/pixels", nil, &pix)
	if len(pix) != len(img.Pix) {
		fail("a screen of %d bytes", len(pix))
	}
	copy(img.Pix, pix)
	return img
}

// differences counts the pixels that differ.
func differences(a, b *image.RGBA) (n int) {
	if a.Rect != b.Rect {
		return a.Rect.Dx() * a.Rect.Dy()
	}
	for i := 0; i < len(a.Pix); i += 4 {
		if !bytes.Equal(a.Pix[i:i+4], b.Pix[i:i+4]) {
			n++
		}
	}
	return n
}

// awaitTouchReads waits until the machine's reader has read its touch film a few
// times: it ignores a finger that is shorter.
func (c *chips) awaitTouchReads() { c.do("POST", "/bench/touch-reads", nil, nil) }

// chipState is guest/calls.go's.
type chipState struct {
	Violations   []string // of the data sheets
	Counters     map[string]struct{ Messages, Transfers, Bytes int }
	Lines        map[string]bool
	FirstPicture float64 // seconds since the kernel started; 0 before it
}

func (c *chips) state() (s chipState) {
	c.do("GET", "/bench/state", nil, &s)
	return s
}
