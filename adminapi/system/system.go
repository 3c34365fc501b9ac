// Package system says in words which operating system a program runs on. Start
// reading at [Name].
package system
