# What `nats::help` says: the tables of the library tell what there is, the documents what it does. Evaluated at the first
# call only, after tcl/markdown.tcl.

namespace eval ::nats::_help {
    # Class -> what its objects are called in headings of documents, and these documents.
    variable Documented {
        ::nats::connection {c {connection services}}
        ::nats::jet_stream {js {jet_stream key_value object_store}}
        ::nats::ordered_consumer {consumer jet_stream}
        ::nats::pull_consumer {puller jet_stream}
        ::nats::key_value {kv key_value}
        ::nats::kv_watcher {watcher key_value}
        ::nats::kv_lock {lock key_value}
        ::nats::kv_election {election key_value}
        ::nats::kv_member {member key_value}
        ::nats::object_store {os object_store}
        ::nats::object_watcher {watcher object_store}
        ::nats::service {svc services}
        ::nats::service_group {group services}
    }
    # Commands that are written in Tcl, as far as `info args` doesn't tell their arguments.
    variable Arguments {
        ::nats::msg::create {subject ?-data data? ?-reply subject?}
        ::nats::msg::set {varName -data|-subject|-reply value}
        ::nats::header::set {varName key value ?key value ...?}
        ::nats::mymethod {method ?arg ...?}
        ::nats::help {?class? ?method?}
    }
    variable Width 76
}

# ---- what there is

proc ::nats::_help::classes {} {
    return [dict get [::nats::_reference] classes]
}

# Command -> a usage as in the tables. Of ensembles, each subcommand is one: {::nats::msg create}.
proc ::nats::_help::commands {} {
    set commands {}
    dict for {name usage} [dict get [::nats::_reference] commands] {
        if {[string match ::nats::json::* $name]} { set name [list ::nats::json [namespace tail $name]] }
        dict set commands $name $usage
    }
    foreach ensemble {::nats::header ::nats::msg} {
        foreach name [namespace eval $ensemble { namespace export }] {
            dict set commands [list $ensemble $name] [Of_proc ${ensemble}::$name]
        }
    }
    foreach name {help isotime_to_msec msec_to_isotime mymethod timestamp} {
        dict set commands ::nats::$name [Of_proc ::nats::$name]
    }
    return $commands
}

proc ::nats::_help::Of_proc {name} {
    variable Arguments
    if {[dict exists $Arguments $name]} {
        set arguments [dict get $Arguments $name]
    } else {
        set arguments [lmap argument [info args $name] {
            expr {[info default $name $argument -] ? "?$argument?" : $argument}
        }]
    }
    set options {}
    foreach {- option value} [regexp -all -inline {\?-(\w+) (\w+)\?} $arguments] { dict set options $option $value }
    return [dict create arguments [join $arguments] options $options]
}

# ---- nats::help

proc ::nats::_help::help {name method} {
    if {$name eq {}} { return [Overview] }
    set class [Class $name]
    if {$class ne {}} {
        return [expr {$method eq {} ? [Of_class $class] : [Of_method $class $method]}]
    }
    return [Of_command $name $method]
}

# The class that is meant: by its name, with or without namespace, or by one of its objects. Nothing if it is none.
proc ::nats::_help::Class {name} {
    set classes [dict keys [classes]]
    set command [uplevel #0 [list namespace which -command $name]]
    if {$command ni $classes && [info object isa object $command]} {
        # Scripts may have derived a class from it.
        set of [info object class $command]
        while {$of ne {} && $of ni $classes} { set of [lindex [info class superclasses $of] 0] }
        if {$of ne {}} { return $of }
    }
    return [lsearch -inline -exact $classes ::nats::[regsub {^(?:::)?(?:nats::)?} $name {}]]
}

proc ::nats::_help::Overview {} {
    set lines [list "nats::help class ?method?, nats::help command: more of each; an object will do for a class" {} Classes]
    foreach class [dict keys [classes]] { lappend lines "    [Short $class]" }
    lappend lines {} Commands
    dict for {name usage} [commands] {
        # The section of an ensemble is one for all its subcommands.
        set sentence [expr {[llength $name] == 1 ? [First [Section $name]] : {}}]
        lappend lines {*}[Row [Short $name] [dict get $usage arguments] $sentence]
    }
    lappend lines {} "The packages nats::server and nats::browser have manual pages: nats_server(n), nats_browser(n)."
    return [join $lines \n]
}

proc ::nats::_help::Of_class {class} {
    set lines [list "Class [Short $class]" {}]
    dict for {method usage} [dict get [classes] $class] {
        lappend lines {*}[Row $method [dict get $usage arguments] [First [Section [list $class $method]]]]
    }
    return [join $lines \n]
}

proc ::nats::_help::Of_method {class method} {
    set methods [dict get [classes] $class]
    if {![dict exists $methods $method]} {
        throw {NATS ErrInvalidArg} "[Short $class] has no method \"$method\": it has [join [dict keys $methods] {, }]"
    }
    return [Full [list $class $method] [dict get $methods $method]]
}

proc ::nats::_help::Of_command {name method} {
    set commands [commands]
    set meant ::nats::[regsub {^(?:::)?(?:nats::)?} $name {}]
    set found [expr {$method eq {} ? $meant : [list $meant $method]}]
    if {[dict exists $commands $found]} { return [Full $found [dict get $commands $found]] }
    set those [lsearch -all -inline -index 0 -exact [dict keys $commands] $meant]
    if {$those eq {}} {
        set all [lmap known [concat [dict keys [classes]] [dict keys $commands]] { Short [lindex $known 0] }]
        throw {NATS ErrInvalidArg} "no class or command \"$name\": there are [join [lsort -unique $all] {, }]"
    }
    if {$method ne {}} {
        set subcommands [lmap known $those { lindex $known 1 }]
        throw {NATS ErrInvalidArg} "[Short $meant] has no subcommand \"$method\": it has [join $subcommands {, }]"
    }
    set lines [list "Command [Short $meant]" {}]
    foreach known $those { lappend lines {*}[Row [lindex $known 1] [dict get $commands $known arguments] {}] }
    return [join [concat $lines [list {} [Shown [Section $meant]]]] \n]
}

# A usage with its options, and the section of the document.
proc ::nats::_help::Full {name usage} {
    set lines [list "[Short $name] [dict get $usage arguments]"]
    if {[dict get $usage options] ne {}} {
        lappend lines {} Options
        dict for {option value} [dict get $usage options] { lappend lines "    -$option $value" }
    }
    set section [Shown [Section $name]]
    return [join [concat $lines [expr {$section eq {} ? {} : [list {} $section]}]] \n]
}

# A name as scripts write it.
proc ::nats::_help::Short {name} {
    return [string range [join $name { }] 2 end]
}

# A line or two: how something is called, and what it does.
proc ::nats::_help::Row {name arguments sentence} {
    set lines [list "    [string trim "$name $arguments"]"]
    if {$sentence ne {}} { lappend lines {*}[Wrapped $sentence "        "] }
    return $lines
}

# ---- documents

# The blocks of the section on a command or a method: {class method}, a command or {ensemble subcommand}.
proc ::nats::_help::Section {name} {
    variable Documented
    lassign $name class method
    if {[dict exists $Documented $class]} {
        lassign [dict get $Documented $class] object documents
        set called [expr {$method eq "new" ? "[Short $class] new" : "$object $method"}]
        return [Found $documents "### $called"]
    }
    set found [Found {connection jet_stream key_value help} "### [Short $class]"]
    return [expr {$found ne {} ? $found : [Found connection "## [Short $class]"]}]
}

# The blocks below the first heading that begins with these words, those of deeper headings included.
proc ::nats::_help::Found {documents words} {
    set level [string first " " $words]
    foreach document $documents {
        set found {}
        foreach {heading body} [Chapters $document] {
            if {$found eq {}} {
                if {$heading eq $words || [string match "$words *" $heading]} { set found $body }
            } elseif {[string first " " $heading] > $level} {
                append found $heading \n $body
            } else {
                break
            }
        }
        if {$found ne {}} {
            return [::nats::_markdown::blocks $found [Links $document]]
        }
    }
}

# What labels of links in a document stand for.
proc ::nats::_help::Links {document} {
    variable Links
    if {![info exists Links($document)]} { set Links($document) [::nats::_markdown::links [::nats::_manual $document]] }
    return $Links($document)
}

# A document as a list: heading, number signs included, and what stands below it.
proc ::nats::_help::Chapters {document} {
    variable Chapters
    if {[info exists Chapters($document)]} { return $Chapters($document) }
    set chapters {}
    set heading {}
    set body {}
    set code 0
    foreach line [split [::nats::_manual $document] \n] {
        if {[string match ```* $line]} { set code [expr {!$code}] }
        if {!$code && [regexp {^#+ } $line]} {
            lappend chapters $heading $body
            set heading [string map {* {}} $line]
            set body {}
        } else {
            append body $line \n
        }
    }
    return [set Chapters($document) [lappend chapters $heading $body]]
}

# The first sentence of blocks. It may end in a colon, but not within brackets.
proc ::nats::_help::First {blocks} {
    foreach block $blocks {
        if {[dict get $block type] ne "paragraph"} continue
        set text [::nats::_markdown::plain [dict get $block text]]
        return [expr {[regexp {^(?:[^(.:]|\([^)]*\)|[.:](?!\s|$))*(?=[.:])} $text sentence] ? "$sentence." : $text}]
    }
}

# Blocks as text for a terminal.
proc ::nats::_help::Shown {blocks} {
    set parts {}
    foreach block $blocks { lappend parts [[string totitle [dict get $block type]] $block] }
    return [join $parts \n\n]
}

proc ::nats::_help::Heading {block} {
    return [::nats::_markdown::plain [dict get $block text]]
}

proc ::nats::_help::Paragraph {block} {
    return [join [Wrapped [::nats::_markdown::plain [dict get $block text]] {}] \n]
}

proc ::nats::_help::Item {block} {
    set lines [Wrapped [::nats::_markdown::plain [dict get $block text]] "  "]
    return [string replace [join $lines \n] 0 0 [dict get $block mark]]
}

proc ::nats::_help::Code {block} {
    return [join [lmap line [split [string trimright [dict get $block text] \n] \n] { string trimright "    $line" }] \n]
}

# The first cell of each row, and what the others say of it.
proc ::nats::_help::Table {block} {
    set names [lmap cell [dict get $block head] { ::nats::_markdown::plain $cell }]
    set lines {}
    foreach row [dict get $block rows] {
        set cells [lmap cell $row { ::nats::_markdown::plain $cell }]
        lappend lines "    [lindex $cells 0]"
        set said {}
        foreach name [lrange $names 1 end] cell [lrange $cells 1 end] {
            if {$cell ne {}} { lappend said [expr {$name in {{} Meaning} ? $cell : "[string tolower $name]: $cell"}] }
        }
        lappend lines {*}[Wrapped [join $said "; "] "        "]
    }
    return [join $lines \n]
}

# A text in lines that are set in.
proc ::nats::_help::Wrapped {text indent} {
    variable Width
    set lines {}
    set line $indent
    foreach word [regexp -all -inline {\S+} $text] {
        if {$line ne $indent && [string length $line] + [string length $word] >= $Width} {
            lappend lines [string trimright $line]
            set line $indent
        }
        append line $word " "
    }
    return [concat $lines [list [string trimright $line]]]
}
