using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;
using Vireo.Commands.Generator.Emitting;
using Vireo.Commands.Generator.Reading;
using Vireo.Commands.Generator.Resolving;

namespace Vireo.Commands.Generator;

/// <summary>
/// Derives every surface of a command from its class. The property <c>VireoSurface</c> of a project says which one: <c>Server</c> for the
/// project that compiles the commands; <c>Cli</c> and <c>PowerShell</c> for the clients, which hand in the commands' source as additional
/// files and never compile it.
/// </summary>
[Generator(LanguageNames.CSharp)]
public sealed class CommandGenerator : IIncrementalGenerator
{
    private static readonly DiagnosticDescriptor Misread = new(
        "VIREO001", "A command cannot be derived", "{0}", "Commands", DiagnosticSeverity.Error, isEnabledByDefault: true);

    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var settings = context.AnalyzerConfigOptionsProvider.Select(static (options, _) => Settings.From(options.GlobalOptions));
        var compiled = context.SyntaxProvider.CreateSyntaxProvider(
            static (node, _) => node is CompilationUnitSyntax,
            static (node, cancellation) => SourceReader.Read(node.Node, cancellation)).Collect();
        var additional = context.AdditionalTextsProvider
            .Where(static file => file.Path.EndsWith(".cs", StringComparison.Ordinal))
            .Select(static (file, cancellation) => file.GetText(cancellation) is { } text
                ? SourceReader.Read(Parse(text, cancellation), cancellation)
                : ImmutableArray<ClassFacts>.Empty)
            .Collect();
        context.RegisterSourceOutput(
            settings.Combine(compiled).Combine(additional).Combine(context.CompilationProvider),
            static (output, input) => Generate(output, input.Left.Left.Left, input.Left.Left.Right, input.Left.Right, input.Right));
    }

    private static SyntaxNode Parse(SourceText text, CancellationToken cancellation) =>
        CSharpSyntaxTree.ParseText(
            text, new CSharpParseOptions(LanguageVersion.Preview, DocumentationMode.Parse), cancellationToken: cancellation).GetRoot(cancellation);

    private static void Generate(
        SourceProductionContext output, Settings settings, ImmutableArray<ImmutableArray<ClassFacts>> compiled,
        ImmutableArray<ImmutableArray<ClassFacts>> additional, Compilation compilation)
    {
        if (settings.Surface.Length == 0)
        {
            return;
        }

        var classes = (settings.Surface == "Server" ? compiled : additional).SelectMany(static file => file);
        var commands = new CommandResolver(
            classes,
            new TypeResolver(compilation),
            message => output.ReportDiagnostic(Diagnostic.Create(Misread, Location.None, message))).Commands();
        void Add(string name, string code) => output.AddSource(name, SourceText.From(code, Encoding.UTF8));
        switch (settings.Surface)
        {
            case "Server":
                Add("CommandTable.g.cs", ServerEmitter.Table(settings.RootNamespace, commands));
                foreach (var command in commands)
                {
                    Add($"{command.Name}.g.cs", ServerEmitter.Binding(settings.RootNamespace, command));
                }

                break;
            case "Cli":
                Add("CommandTable.g.cs", TableEmitter.Emit(settings.RootNamespace, commands));
                break;
            case "PowerShell":
                foreach (var command in commands)
                {
                    Add($"{command.Name}.g.cs", CmdletEmitter.Emit(command));
                }

                break;
            default:
                output.ReportDiagnostic(Diagnostic.Create(Misread, Location.None, $"VireoSurface is '{settings.Surface}'; it must be Server, Cli or PowerShell"));
                break;
        }
    }

    private sealed record Settings(string Surface, string RootNamespace)
    {
        public static Settings From(AnalyzerConfigOptions options) => new(Get(options, "VireoSurface"), Get(options, "RootNamespace"));

        private static string Get(AnalyzerConfigOptions options, string name) =>
            options.TryGetValue("build_property." + name, out var value) ? value : "";
    }
}
