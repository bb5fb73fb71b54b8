// Package browsertest has a browser for tests.
package browsertest

import (
	"context"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Open opens a window of a headless Chromium of its own, which talks to loopback only, and trusts every
// certificate: the console's is of its site's own authority. Pages do not move, unless asked to: on a busy
// machine Chromium gives up the fading of one page into the next, and complains. It is closed when the test
// ends, or after a time. More options may be given.
func Open(t testing.TB, within time.Duration, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium-headless-shell") // starts in a quarter of the time of the whole browser
	if err != nil {
		t.Fatal("chromium-headless-shell is not installed: run make setup")
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("force-prefers-reduced-motion", true),
		chromedp.Flag("enable-features", "NetworkServiceInProcess2"), // not a process more
	}, more)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, within)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts it
		t.Fatal(err)
	}
	return ctx
}

// Beside opens a window beside one that is open, in its browser, which has nothing else in common with it: no
// cookie and no cache. It is closed when the test ends.
func Beside(t testing.TB, ctx context.Context) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}
