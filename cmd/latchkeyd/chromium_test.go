package main

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium that talks to loopback only.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: run make setup")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 800)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestInTheBrowserAPersonTapsAPINAndTheDoorOpens(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	reader.start()
	ctx := browser(t)
	tap := func(label string) chromedp.Action[chromedp.Void] {
		return chromedp.Click(chromedp.CSS(`button[aria-label="`+label+`"]`), chromedp.NodeVisible)
	}
	steps := []chromedp.Action[chromedp.Void]{chromedp.Navigate(reader.url), tap("PIN")}
	for _, digit := range adaPIN {
		steps = append(steps, tap(string(digit)))
	}
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatalf("%v\n%s", err, reader.log.String())
	}
	reader.opens("the PIN that was tapped")
}
