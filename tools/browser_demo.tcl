# A server with sample data that keeps changing, for `make browse` and `make screenshots`: a shop with settings, sessions,
# prices, sensors, orders and pictures.

namespace eval ::demo {
    variable Towns {berlin lisbon oslo porto rome}
    variable Fruits {apple banana cherry fig grape lemon mango melon orange peach pear plum}
    variable Names {Ada Alan Barbara Edsger Grace Ken Linus Margaret Radia Tim}
}

# Starts the server and fills it; gives {server connection}.
proc ::demo::start {} {
    set server [nats::server start -config {
        server_name: demo
        jetstream: enabled
    }]
    set connection [nats::connect [nats::server url $server] -name demo]
    set js [$connection jet_stream]
    Buckets $js
    Streams $js
    return [list $server $connection]
}

# From a list by a number, so that each run has the same data.
proc ::demo::Pick {list n} { lindex $list [expr {$n % [llength $list]}] }

proc ::demo::Buckets {js} {
    variable Towns
    variable Fruits
    variable Names
    set kv [$js create_kv_bucket settings -history 10 -description "settings of the shop"]
    foreach {key value} {
        shop.title "Fruit & Co."  shop.currency EUR  shop.open "08:00-20:00"  shop.languages "en, de, pt"
        mail.from shop@example.org  mail.server smtp.example.org  mail.port 587
        feature.search on  feature.vouchers off  feature.chat beta  theme dark
    } { $kv put $key $value }
    foreach {value} {light dark "high contrast" dark} { $kv put theme $value }
    $kv put shop.banner {{"title":"Summer sale","from":"2026-07-01","discount":{"percent":10,"min_order":25.00},"shown":true}}
    $kv put shop.banner {{"title":"Summer sale","from":"2026-07-01","discount":{"percent":15,"min_order":25.00},"shown":true}}
    $kv put shop.banner {{"title":"Autumn sale","from":"2026-09-15","discount":{"percent":15,"min_order":20.00},"regions":["de","pt"],"shown":true}}
    $kv put shop.logo [binary format H* 89504e470d0a1a0a0000000d49484452000000400000004008060000]
    set ttl [expr {![catch {$js create_kv_bucket sessions -limit_marker_ttl 60000 -history 1} sessions]}]
    if {!$ttl} { set sessions [$js create_kv_bucket sessions] }
    for {set n 0} {$n < 40} {incr n} {
        $sessions put user.[expr {1000 + $n}] "{\"name\":\"[Pick $Names $n]\",\"cart\":[expr {$n % 4}]}" {*}[expr {$ttl ? [list -ttl [expr {120000 + 37000 * $n}]] : ""}]
    }
    set prices [$js create_kv_bucket prices -history 20 -storage memory]
    foreach fruit $Fruits { $prices put $fruit [format %.2f [expr {0.4 + [string length $fruit] * 0.31}]] }
    set sensors [$js create_kv_bucket sensors -storage memory]
    foreach town $Towns {
        for {set n 1} {$n <= 60} {incr n} {
            foreach {kind value} [list temperature [expr {4 + $n % 9}].[expr {$n % 10}] humidity [expr {60 + $n % 25}]] { $sensors put $town.store.$n.$kind $value }
        }
    }
    set pictures [$js create_object_store pictures -description "what the catalogue shows"]
    foreach fruit $Fruits {
        $pictures put $fruit.jpg [string repeat [string index $fruit 0] [expr {40000 + 17000 * [string length $fruit]}]] -description "a ripe $fruit"
    }
}

proc ::demo::Streams {js} {
    $js add_stream ORDERS -subjects orders.> -allow_direct true -max_msgs 20000
    $js add_stream EVENTS -subjects events.> -allow_direct true -storage memory
    foreach consumer {billing shipping statistics} { $js add_pull_consumer ORDERS $consumer }
    for {set n 1} {$n <= 400} {incr n} { Order $js $n }
    for {set n 1} {$n <= 60} {incr n} { $js publish events.login [Pick $::demo::Names $n] }
}

proc ::demo::Order {js n} {
    variable Names
    variable Fruits
    set state [Pick {new new paid new shipped} $n]
    $js publish orders.[Pick $::demo::Towns $n].$state \
        "{\"order\":[expr {70000 + $n}],\"customer\":\"[Pick $Names [expr {$n * 7}]]\",\"items\":\[{\"fruit\":\"[Pick $Fruits [expr {$n * 5}]]\",\"kg\":[expr {1 + $n % 4}]}\],\"total\":[expr {3 + $n * 7 % 40}].[format %02d [expr {$n * 13 % 100}]]}" \
        -header [list Source [Pick {web app phone} $n] Trace-Id [format %08x [expr {$n * 2654435761 % 4294967296}]]]
}

# From now on something happens all the time.
proc ::demo::live {connection} {
    set js [$connection jet_stream]
    coroutine ::demo::shop Forever 350 [list ::demo::Trade $js [$js bind_kv_bucket prices] [$js bind_kv_bucket sensors]]
    coroutine ::demo::office Forever 900 [list ::demo::Work $js]
}

# Runs a command with a growing number at the end, again and again, until the connection is closed.
proc ::demo::Forever {ms command} {
    for {set n 1} 1 {incr n} {
        if {[catch {{*}$command $n} message options]} {
            if {[dict get $options -errorcode] ne {NATS ErrTimeout}} return
        }
        after $ms [info coroutine]
        yield
    }
}

proc ::demo::Trade {js prices sensors n} {
    variable Fruits
    variable Towns
    set fruit [Pick $Fruits [expr {$n * 7 + $n / 5}]]
    $prices put $fruit [format %.2f [expr {max(0.2, [$prices get_value $fruit] + (rand() - 0.5) * 0.2)}]]
    $sensors put [Pick $Towns $n].store.[expr {1 + $n * 7 % 60}].temperature [format %.1f [expr {4 + rand() * 9}]]
    for {set k 0} {$k < 1 + 3 * (1 + sin($n / 20.0))} {incr k} { Order $js [expr {400 + 7 * $n + $k}] }
}

# Billing is quick, shipping falls behind, statistics comes once in a while.
proc ::demo::Work {js n} {
    foreach {consumer batch} [list billing 50 shipping 6 statistics [expr {$n % 20 ? 0 : 200}]] {
        if {!$batch} continue
        foreach msg [$js fetch ORDERS $consumer -batch_size $batch -timeout 100] { $js ack $msg }
    }
    $js publish events.[Pick {login search logout} $n] [Pick $::demo::Names $n]
}
