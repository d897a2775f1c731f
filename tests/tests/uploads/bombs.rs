//! Small uploads that want to become large work.

use iap_host::publish::inspect::Limits;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataSection, ElementSection, Elements, ExportKind, ExportSection,
    Function, FunctionSection, HeapType, Instruction as I, MemorySection, MemoryType, Module, RefType, StartSection,
    TableSection, TableType, TypeSection, ValType,
};

use crate::support::{
    CORE_INSTANCE, CORE_MODULE, CUSTOM, Judged, TYPE, append, assemble, echo, inspector, judge, leb, limits, refused,
    release_with, with_limits,
};

/// A module of functions without parameters and results.
fn functions(count: u32, body: impl Fn(&mut Function), locals: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut declared, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..count {
        declared.function(0);
        let mut function = Function::new((0 < locals).then_some((locals, ValType::I64)));
        body(&mut function);
        function.instruction(&I::End);
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    module.finish()
}

/// A module with a table and a start function.
fn starting(body: impl Fn(&mut Function)) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut declared, mut code, mut tables) = (FunctionSection::new(), CodeSection::new(), TableSection::new());
    declared.function(0);
    tables.table(table(1));
    let mut function = Function::new([(1, ValType::I32)]);
    body(&mut function);
    function.instruction(&I::End);
    code.function(&function);
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&tables);
    module.section(&StartSection { function_index: 0 }).section(&code);
    module.finish()
}

fn table(minimum: u64) -> TableType {
    TableType { element_type: RefType::FUNCREF, table64: false, minimum, maximum: None, shared: false }
}

/// Good uploads are accepted after all that.
async fn alive() {
    assert!(judge(&inspector(), &echo()).await.is_ok(), "good uploads go on being accepted");
}

/// Whatever came of it, it came in time and was told.
async fn survived(what: &str, component: &[u8]) -> Judged {
    let inspector = with_limits(Limits { processor_seconds: 4, ..limits() });
    let began = std::time::Instant::now();
    let judged = judge(&inspector, component).await;
    let (bytes, time) = (component.len(), began.elapsed());
    let outcome = judged.as_ref().map_or_else(|reasons| reasons.join("; "), |_| "accepted".to_owned());
    eprintln!("{what}: {bytes} bytes, {time:.1?}: {outcome}");
    judged
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_is_hard_to_compile_does_not_stop_the_host() {
    let table = |function: &mut Function| {
        function.instruction(&I::Block(BlockType::Empty)).instruction(&I::I32Const(0));
        function.instruction(&I::BrTable(vec![0; 60_000].into(), 0)).instruction(&I::End);
    };
    drop(survived("100 jump tables of 60,000", &release_with(&functions(100, table, 0))).await);
    let nothing = |_: &mut Function| {};
    drop(survived("10,000 functions of 50,000 locals", &release_with(&functions(10_000, nothing, 50_000))).await);
    drop(survived("900,000 empty functions", &release_with(&functions(900_000, nothing, 0))).await);
    let deep = |function: &mut Function| {
        for _ in 0..500_000 {
            function.instruction(&I::Block(BlockType::Empty));
        }
        for _ in 0..500_000 {
            function.instruction(&I::End);
        }
    };
    drop(survived("500,000 blocks in one another", &release_with(&functions(1, deep, 0))).await);
    let live = |function: &mut Function| {
        // Thousands of values that live at once, across branches.
        for local in 0..4_000 {
            function.instruction(&I::LocalGet(local)).instruction(&I::LocalGet((local * 7) % 4_000));
            function.instruction(&I::I64Mul).instruction(&I::LocalSet(local));
            function.instruction(&I::Loop(BlockType::Empty)).instruction(&I::LocalGet(local));
            function.instruction(&I::I64Eqz).instruction(&I::BrIf(0)).instruction(&I::End);
        }
    };
    drop(survived("functions of 4,000 live values in loops", &release_with(&functions(40, live, 4_000))).await);
    alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processor_time_that_ends_is_a_reason() {
    let straight = |function: &mut Function| {
        for round in 0..200_000_u32 {
            function.instruction(&I::LocalGet(round % 50)).instruction(&I::LocalGet(round % 49));
            function.instruction(&I::I64Add).instruction(&I::LocalSet(round % 48));
        }
    };
    let upload = release_with(&functions(6, straight, 50));
    let inspector = with_limits(Limits { processor_seconds: 1, ..limits() });
    refused(&inspector, "much code", &upload, "compiling it took more than 1 s of processor time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_ends_is_a_reason() {
    let straight = |function: &mut Function| {
        for round in 0..400_000_u32 {
            function.instruction(&I::LocalGet(round % 50)).instruction(&I::LocalGet(round % 49));
            function.instruction(&I::I64Add).instruction(&I::LocalSet(round % 48));
        }
    };
    let upload = release_with(&functions(2, straight, 50));
    let inspector = with_limits(Limits { memory: 100 << 20, ..limits() });
    refused(&inspector, "one large function", &upload, "more than 100 MiB of memory").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memories_and_tables_beyond_the_pool_are_refused() {
    let inspector = inspector();
    for minimum in [2_049, 65_536] {
        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum, maximum: None, memory64: false, shared: false, page_size_log2: None });
        let mut module = Module::new();
        module.section(&memories);
        refused(&inspector, "a large memory", &release_with(&module.finish()), "memor").await;
    }
    let mut tables = TableSection::new();
    tables.table(table(9_999_999));
    let mut module = Module::new();
    module.section(&tables);
    refused(&inspector, "a large table", &release_with(&module.finish()), "table").await;
    let mut tables = TableSection::new();
    for _ in 0..100 {
        tables.table(table(1));
    }
    let mut module = Module::new();
    module.section(&tables);
    refused(&inspector, "a hundred tables", &release_with(&module.finish()), "table").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_at_the_start_is_bounded() {
    let inspector = inspector();
    let spin = |function: &mut Function| {
        function.instruction(&I::Loop(BlockType::Empty)).instruction(&I::Br(0)).instruction(&I::End);
    };
    refused(&inspector, "an endless start", &release_with(&starting(spin)), "does not start").await;
    let grow = |function: &mut Function| {
        function.instruction(&I::Loop(BlockType::Empty)).instruction(&I::RefNull(HeapType::FUNC));
        function.instruction(&I::I32Const(1_000)).instruction(&I::TableGrow(0)).instruction(&I::Drop);
        function.instruction(&I::Br(0)).instruction(&I::End);
    };
    refused(&inspector, "a start that wants a large table", &release_with(&starting(grow)), "does not start").await;
    let recurse = |function: &mut Function| {
        function.instruction(&I::Call(0));
    };
    refused(&inspector, "a start that recurses", &release_with(&starting(recurse)), "does not start").await;
    let broken = |function: &mut Function| {
        function.instruction(&I::Unreachable);
    };
    refused(&inspector, "a start that traps", &release_with(&starting(broken)), "does not start").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_are_refused_or_taken_in_time() {
    let mut types = TypeSection::new();
    for _ in 0..900_000 {
        types.ty().function([ValType::I64; 3], [ValType::I32]);
    }
    let mut module = Module::new();
    module.section(&types);
    drop(survived("900,000 types of functions", &release_with(&module.finish())).await);

    let mut types = TypeSection::new();
    types.ty().function([ValType::I64; 1_001], []);
    let mut module = Module::new();
    module.section(&types);
    assert!(survived("a function of 1,001 parameters", &release_with(&module.finish())).await.is_err());

    let (mut memories, mut data) = (MemorySection::new(), DataSection::new());
    memories.memory(MemoryType { minimum: 2_048, maximum: None, memory64: false, shared: false, page_size_log2: None });
    for segment in 0..90_000 {
        data.active(0, &ConstExpr::i32_const(segment * 1_000), [1]);
    }
    let mut module = Module::new();
    module.section(&memories).section(&data);
    drop(survived("90,000 pieces of data in 128 MiB", &release_with(&module.finish())).await);

    let (mut tables, mut elements) = (TableSection::new(), ElementSection::new());
    tables.table(table(10));
    for _ in 0..90_000 {
        elements.active(Some(0), &ConstExpr::i32_const(0), Elements::Functions(vec![].into()));
    }
    let mut module = Module::new();
    module.section(&tables).section(&elements);
    drop(survived("90,000 pieces of a table", &release_with(&module.finish())).await);

    let mut exports = ExportSection::new();
    for number in 0..100_000 {
        exports.export(&format!("{number:080}"), ExportKind::Func, 0);
    }
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut declared, mut code) = (FunctionSection::new(), CodeSection::new());
    declared.function(0);
    let mut function = Function::new([]);
    function.instruction(&I::End);
    code.function(&function);
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&exports).section(&code);
    drop(survived("100,000 exports", &release_with(&module.finish())).await);
    alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn components_that_multiply_are_refused() {
    let inspector = inspector();
    // The pool has no room for them.
    let mut many = echo();
    let index = crate::support::sections(&many).iter().filter(|(id, _)| *id == CORE_MODULE).count();
    append(&mut many, CORE_MODULE, b"\0asm\x01\0\0\0");
    let instance = [vec![0], leb(index), vec![0]].concat();
    append(&mut many, CORE_INSTANCE, &[leb(1_000), instance.repeat(1_000)].concat());
    refused(&inspector, "1,000 instances", &many, "instances").await;

    let mut nested = vec![0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    for _ in 0..1_000 {
        let mut outer = vec![0, b'a', b's', b'm', 0x0d, 0, 1, 0];
        append(&mut outer, 4, &nested);
        nested = outer;
    }
    let mut deep = echo();
    append(&mut deep, 4, &nested);
    assert!(survived("1,000 components in one another", &deep).await.is_err());

    // tuple<t, t> of tuple<t, t> …: 2^40 members.
    let mut types = leb(41);
    types.extend([0x7d]);
    for depth in 0..40 {
        types.extend([vec![0x6f, 2], leb(depth), leb(depth)].concat());
    }
    refused(&inspector, "a type of 2^40 members", &assemble(&[(TYPE, types)]), "type size").await;
    alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_remarks_are_refused_or_taken_in_time() {
    let mut large = echo();
    append(&mut large, CUSTOM, &[b"\x04note".to_vec(), vec![b'x'; 15 << 20]].concat());
    drop(survived("15 MiB of a remark", &large).await);
    let mut many = echo();
    for _ in 0..500_000 {
        append(&mut many, CUSTOM, b"\x04note");
    }
    drop(survived("500,000 remarks", &many).await);
    let mut module = Module::new();
    module.section(&CustomSection { name: "name".into(), data: vec![0xff; 1 << 20].into() });
    drop(survived("1 MiB of broken names", &release_with(&module.finish())).await);
    let data = release_with(&starting(|_| {}));
    let mut repeated = data.clone();
    while repeated.len() + data.len() < 3 << 20 {
        // A module over and over: what would be small in an archive.
        let last =
            crate::support::sections(&data).into_iter().rfind(|(id, _)| *id == CORE_MODULE).expect("it is there").1;
        append(&mut repeated, CORE_MODULE, &last);
        for _ in 0..1_000 {
            append(&mut repeated, CORE_MODULE, &last);
        }
    }
    drop(survived("a module some 60,000 times", &repeated).await);
    alive().await;
}
