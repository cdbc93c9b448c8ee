# The clients: what has to be built or installed, and the command that runs a case.

# A client's command prefix, made ready; empty if it cannot be had here.
proc bench::client {name} {
    variable Here
    variable Root
    switch -- $name {
        limit - raw {
            set target [work raw]
            run [list cargo build --release --quiet --manifest-path [file join $Here raw Cargo.toml] --target-dir $target] 900
            return [list [file join $target release [dict get {limit limit raw bench-raw} $name]]]
        }
        tcl {
            return [list env TCLLIBPATH=[list [file join $Root build]] [option -tclsh] [file join $Here client.tcl]]
        }
        py {
            set venv [work venv]
            set python [file join $venv bin python]
            if {![file exists $python] || [catch {run [list $python -c {import nats}]}]} {
                run [list python3 -m venv $venv]
                run [list $python -m pip install --quiet --disable-pip-version-check nats-py==2.16.0]
            }
            return [list $python [file join $Here peers nats_py.py]]
        }
        c {
            set root [work natsc]
            set lib [file join $root root usr lib x86_64-linux-gnu]
            if {![file exists [file join $lib libnats.so]]} {
                run [list [file join $Root tools debian-packages] bookworm amd64 [file join $root root] libnats-dev libnats3.4 \
                    libprotobuf-c1]
            }
            set program [file join $root bench-nats-c]
            # The search path is that of the library's own libraries, too.
            run [list cc -O2 -o $program [file join $Here peers nats_c.c] -I[file join $root root usr include] -L$lib -lnats \
                -lpthread -Wl,-rpath,$lib,--disable-new-dtags,--allow-shlib-undefined]
            return [list $program]
        }
        js {
            set modules [work js]
            if {![file exists [file join $modules node_modules @nats-io kv]]} {
                file mkdir $modules
                run [list npm install --silent --no-audit --no-fund --prefix $modules @nats-io/transport-node@3.4.0 \
                    @nats-io/jetstream@3.4.0 @nats-io/kv@3.4.0]
            }
            return [list env NATS_JS=$modules node [file join $Here peers nats_js.mjs]]
        }
    }
    error "no client $name"
}

# name -> command prefix of all that are there.
proc bench::clients {names} {
    set clients {}
    foreach name $names {
        if {[catch { client $name } command]} {
            if {$name in {limit raw tcl}} { error $command }
            puts "left out: $name ([lindex [split $command \n] 0])"
        } else {
            dict set clients $name $command
        }
    }
    return $clients
}

proc bench::setup {raw url {keys {}}} {
    if {$keys eq {}} { set keys [option -keys] }
    result [list {*}$raw $url setup 0 $keys [option -payload] [option -inflight]]
}
