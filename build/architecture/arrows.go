package architecture

import (
	"go/ast"
	"slices"
)

// allowed returns the rooms that a module may use beside itself.
func allowed(module string) []string {
	switch {
	case module == "sdk":
		return nil
	case module == "engine", within(module, "plugins"):
		return []string{"sdk"}
	case module == "adminapi":
		return []string{"engine", "sdk"}
	case within(module, "tools"):
		return []string{"engine/audit", "engine/store", "sdk"}
	case module == "build":
		return []string{"adminapi", "engine", "sdk", "tools"}
	}
	return nil
}

// arrows leaves tests out: they may bring together what the product keeps apart.
func arrows(p Package) []Finding {
	var out []Finding
	rooms := append(allowed(p.Module), p.Module)
	for _, f := range p.Files {
		if f.Test {
			continue
		}
		for _, path := range f.Imports {
			target, ok := ours(path)
			if ok && !slices.ContainsFunc(rooms, func(room string) bool { return within(target, room) }) {
				out = append(out, finding(f.Name, "%s must not import %s; it may use %v", p.Module, target, rooms))
			}
		}
	}
	return out
}

// noPluginImport holds for tests too: a plugin is used as a process.
func noPluginImport(p Package) []Finding {
	var out []Finding
	for _, f := range p.Files {
		for _, path := range f.Imports {
			if target, ok := ours(path); ok && within(target, "plugins") && !within(target, p.Module) {
				out = append(out, finding(f.Name, "imports the plugin %s; start it as a process instead", target))
			}
		}
	}
	return out
}

// wireRooms are the packages that turn generated types into those of the domain.
func wireRooms() []string {
	return []string{"sdk/conformance", "sdk/fault/wire", "sdk/gen", "sdk/host/facade", "sdk/pluginmain", "sdk/plugintest"}
}

// generatedImport leaves tests out: one of them walks the messages of the contract.
func generatedImport(p Package) []Finding {
	if slices.ContainsFunc(wireRooms(), func(room string) bool { return within(p.Path, room) }) {
		return nil
	}
	var out []Finding
	for _, f := range p.Files {
		for _, path := range f.Imports {
			if target, ok := ours(path); ok && !f.Test && within(target, "sdk/gen") {
				out = append(out, finding(f.Name, "imports generated code, which only %v may", wireRooms()))
			}
		}
	}
	return out
}

// testContract is a major that only the tests of the host speak.
const testContract = "sdk/host/internal/contractv0"

// testContractImport keeps it out of the product.
func testContractImport(p Package) []Finding {
	if within(p.Path, testContract) {
		return nil
	}
	var out []Finding
	for _, f := range p.Files {
		for _, path := range f.Imports {
			if target, ok := ours(path); ok && !f.Test && within(target, testContract) {
				out = append(out, finding(f.Name, "imports %s, a contract that is there for tests", target))
			}
		}
	}
	return out
}

// valueDoors are the names in sdk/host that lead to the value of a secret, and
// valueRooms those who may use them beside sdk itself and the tests of everyone.
func valueDoors() []string { return []string{"Carrier", "OpenCarrier", "OpenResolver", "Resolver"} }

func valueRooms() []string {
	return []string{"sdk", "engine", "tools/migrate", "tools/secretscli/escrow", "build/bench"}
}

// noValueDoor keeps everyone else, the Admin API above all, without a way to a
// value: they administer what they cannot read.
func noValueDoor(p Package) []Finding {
	if slices.ContainsFunc(valueRooms(), func(room string) bool { return within(p.Path, room) }) {
		return nil
	}
	var out []Finding
	for _, f := range p.Files {
		if f.Test || !slices.Contains(f.Imports, Root+"sdk/host") {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(valueDoors(), s.Sel.Name) {
				out = append(out, finding(f.Name, "uses host.%s, which leads to the values of secrets; only %v may", s.Sel.Name, valueRooms()))
			}
			return true
		})
	}
	return out
}
