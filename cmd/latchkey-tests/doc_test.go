// Package tests has the tests of the whole system: they build latchkeyd and
// latchkey-controller and look at them from outside, on simulated boards, with
// real brokers, browsers, disks and kills. Which package may import which is
// tested here too.
package tests
