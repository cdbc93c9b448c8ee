# An object store: its objects, live, with what is known of each; to files and from files.

oo::class create ::nats::browser::ObjectsView {
    superclass ::nats::browser::Part
    variable Path Session Places Bucket Store Watcher Infos Config_shown

    constructor {path session places bucket} {
        next $session
        set Path $path
        set Session $session
        set Places $places
        set Bucket $bucket
        lassign {{} {} {} {}} Store Watcher Infos Config_shown
        ttk::frame $path
        View_head $path.head $bucket "Object store"
        ttk::notebook $path.tabs
        ttk::notebook::enableTraversal $path.tabs
        pack $path.head -fill x
        pack $path.tabs -fill both -expand 1 -pady [list [Gap 2] 0]
        my Build
        my polled
        my go open
    }

    destructor {
        foreach object [list $Watcher $Store] {
            if {$object ne {} && [info object isa object $object]} { $object destroy }
        }
        next
    }

    method Build {} {
        set tab $Path.tabs.objects
        set gap [Gap 2]
        ttk::frame $tab -padding $gap
        ttk::frame $tab.bar
        foreach {name text method} {put "Store a file\u2026" new get "Save as\u2026" save delete "Delete\u2026" delete} {
            ttk::button $tab.bar.$name -text [subst -nocommands -novariables $text] -command [list [self] $method]
        }
        $tab.bar.delete configure -style Danger.TButton
        if {[$Session read_only]} { foreach name {put delete} { $tab.bar.$name state disabled } }
        pack $tab.bar.put $tab.bar.get -side left -padx [list 0 $gap]
        pack $tab.bar.delete -side right
        Table $tab.list {
            {#0 Name 30 w 1} {size Size 10 e 0} {chunks Chunks 8 e 0} {changed Changed 22 w 0} {description Description 30 w 1}
        }
        Text_pane $tab.facts -height 9
        $tab.facts.text configure -state disabled
        pack $tab.bar -fill x -pady [list 0 $gap]
        pack $tab.facts -side bottom -fill x -pady [list $gap 0]
        pack $tab.list -fill both -expand 1
        $Path.tabs add $tab -text Objects
        Text_pane $Path.tabs.config
        $Path.tabs add $Path.tabs.config -text Configuration -padding $gap
        bind $tab.list.tree <<TreeviewSelect>> [list [self] selected]
    }

    method open {} {
        set Store [[$Session js] bind_object_store $Bucket]
        set Watcher [$Store watch -callback [list [self] on_info]]
    }

    method on_info {info} {
        if {$info ne {}} {
            set name [dict get $info name]
            if {[dict get $info deleted]} { dict unset Infos $name } else { dict set Infos $name $info }
        }
        my later 60 show
    }

    method show {} {
        set rows [lmap name [lsort -dictionary [dict keys $Infos]] {
            set info [dict get $Infos $name]
            list $name [list [Size [dict get $info size]] [dict get $info chunks] [Time [dict get $info mtime]] \
                [expr {[dict exists $info link] ? "link to [join [dict values [dict get $info link]] /]" : [dict get $info description]}]]
        }]
        Fill_table $Path.tabs.objects.list $rows
        my selected
    }

    method names {} { dict keys $Infos }
    method Chosen {} { lindex [$Path.tabs.objects.list.tree selection] 0 }

    method selected {} {
        set name [my Chosen]
        set known [expr {$name ne {} && [dict exists $Infos $name]}]
        Fill_text $Path.tabs.objects.facts [expr {$known ? [Dict_lines [dict get $Infos $name]] : ""}] disabled
        $Path.tabs.objects.bar.get state [expr {$known ? "!disabled" : "disabled"}]
        $Path.tabs.objects.bar.delete state [expr {$known && ![$Session read_only] ? "!disabled" : "disabled"}]
    }

    method polled {} {
        set info [$Places info OBJ_$Bucket]
        if {$info eq {}} return
        View_facts $Path.head [list "[Number [dict size $Infos]] object[expr {[dict size $Infos] == 1 ? "" : "s"}]" \
            [Size [dict get $info state bytes]] [dict get $info config storage]]
        set config [dict get $info config]
        if {$config ne $Config_shown} {
            set Config_shown $config
            Fill_text $Path.tabs.config [Dict_lines $config] disabled
        }
    }

    # ---- to files and from files

    method new {} {
        if {$Store eq {} || ![$Session may_write]} return
        set file [tk_getOpenFile -parent $Path -title "Store a file"]
        if {$file ne {}} { my go put [file tail $file] $file }
    }
    method put {name file} {
        $Store put_file $name $file -progress [list [self] progress $name]
        $Session note "$name is stored"
    }
    method save {} {
        set name [my Chosen]
        if {$name eq {}} return
        set file [tk_getSaveFile -parent $Path -title "Save as" -initialfile [file tail $name]]
        if {$file ne {}} { my go get $name $file }
    }
    method get {name file} {
        $Store get_file $name $file -progress [list [self] progress $name]
        $Session note "$name is saved in $file"
    }
    method progress {name done total} {
        $Session note "$name: [Size $done][expr {$total > 0 ? " of [Size $total]" : ""}]"
    }
    method delete {} {
        set name [my Chosen]
        if {$name eq {} || ![$Session may_write]} return
        Confirm [winfo toplevel $Path] "Delete the object \u201c$name\u201d?" \
            "Its bytes are removed. This cannot be undone." Delete [my on delete_now $name]
    }
    method delete_now {name} {
        $Store delete $name
        $Session note "$name is deleted"
    }

    # Watchers go on after a reconnection; one of a connection that was closed and opened again has to be made anew.
    method unsaved {} {}
    method connected {} {
        if {$Watcher eq {} || [set [info object namespace [$Watcher consumer]]::last_error] eq {}} return
        $Watcher destroy
        $Store destroy
        set Infos {}
        my open
    }

    method ready {} { expr {$Watcher ne {}} }
    method focus_main {} { focus $Path.tabs.objects.list.tree }
    method focus_filter {} { my focus_main }
    method focus_cycle {} { list $Path.tabs.objects.list.tree $Path.tabs.objects.facts.text }
    method refresh {} { my show }
    method purge {} { my delete }
    method go_to {key} {}
}
